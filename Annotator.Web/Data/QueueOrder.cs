namespace Annotator.Web.Data;

/// <summary>
/// The order in which comparisons are handed out, as one number, smallest first: the newest policy, then the prompt's
/// priority, then the prompts in an order that changes with the policy (in the order of their ids, a policy that is soon
/// replaced would only ever be judged on the first ones). Comparisons of one prompt under one policy have the same
/// number, and no others have it: the queue steps over all of them at once.
/// </summary>
public static class QueueOrder
{
    public const int LowestPriority = -1000;
    public const int HighestPriority = 1000;
    private const int PriorityBits = 12;
    private const int PromptBits = 32;
    private const int LastPolicy = (1 << 18) - 1;

    /// <summary>The place of the comparisons of a prompt under a policy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A priority outside ±1,000, a policy above 262,143, or a prompt's id above 2³².</exception>
    public static long Of(int policyNumber, int priority, long promptId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(policyNumber);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(policyNumber, LastPolicy);
        ArgumentOutOfRangeException.ThrowIfLessThan(priority, LowestPriority);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(priority, HighestPriority);
        ArgumentOutOfRangeException.ThrowIfNegative(promptId);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(promptId, uint.MaxValue);
        return ((long)(LastPolicy - policyNumber) << (PriorityBits + PromptBits))
            | ((long)(HighestPriority - priority) << PromptBits)
            | Shuffled((uint)promptId, (uint)policyNumber);
    }

    /// <summary>How far the comparisons of a prompt move when its priority changes; to be added to their place.</summary>
    public static long Moved(int was, int becomes) => (long)(was - becomes) << PromptBits;

    /// <summary>Below it stand the comparisons of this policy and of newer ones; from it on, those of older ones.</summary>
    public static long OlderThan(int policyNumber) => (long)(LastPolicy - policyNumber + 1) << (PriorityBits + PromptBits);

    /// <summary>From it on, up to <see cref="OlderThan"/>, stand the comparisons of this policy.</summary>
    public static long Of(int policyNumber) => OlderThan(policyNumber + 1);

    /// <summary>A permutation of 32-bit numbers for each policy: the finalizer of MurmurHash3, every step of which can be undone.</summary>
    private static uint Shuffled(uint prompt, uint policy)
    {
        var hash = prompt ^ (policy * 0x9E3779B9);
        hash = (hash ^ (hash >> 16)) * 0x85EBCA6B;
        hash = (hash ^ (hash >> 13)) * 0xC2B2AE35;
        return hash ^ (hash >> 16);
    }
}
