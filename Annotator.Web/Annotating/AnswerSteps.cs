using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>What the bar at the foot of the desk asks.</summary>
public enum AnswerStep
{
    /// <summary>Which is better, or the order.</summary>
    Choosing,

    /// <summary>How much better.</summary>
    Strength,

    /// <summary>Reasons, or the comment that the study requires.</summary>
    Details,

    /// <summary>Why it is skipped.</summary>
    Skip,

    /// <summary>What is wrong with single responses.</summary>
    Flags,

    /// <summary>Which response is edited.</summary>
    Edit,
}

/// <summary>What a study still wants before an answer can be given.</summary>
public enum Wanted
{
    Reason,
    Comment,
}

/// <summary>
/// The way from a first key to an answer: how much better, why, why skipped, and what else is said of the responses. Keys
/// are heard in the order in which they were pressed, so that a quick hand may be ahead of the screen.
/// </summary>
public sealed class AnswerSteps(DeskSession session)
{
    /// <summary>For the digits 1, 2, ….</summary>
    public static IReadOnlyList<SkipReason> SkipReasons { get; } =
        [SkipReason.CannotJudge, SkipReason.Unsafe, SkipReason.Broken, SkipReason.NotMyLanguage, SkipReason.Other];

    /// <summary>Raised when what the bar asks has changed.</summary>
    public event Action? Changed;

    /// <summary>Raised when the comment must be written now: the box takes the focus.</summary>
    public event Action? CommentWanted;

    public AnswerStep Step { get; private set; }

    /// <summary>The preference that waits for what the study wants with it; null if none does.</summary>
    public DeskAnswer? Begun { get; private set; }

    /// <summary>What was missing when it was last tried to be given; null if nothing.</summary>
    public Wanted? Missing { get; private set; }

    /// <summary>The comment box is about to take the focus: a letter typed ahead is meant for it, and is no answer.</summary>
    public bool AwaitsComment => Step == AnswerStep.Details && (Missing == Wanted.Comment || Task.ReasonChips.Count == 0);

    /// <summary>The position of the response that is being edited; null if none is.</summary>
    public int? Editing { get; private set; }

    private StudyTask Task => session.Study.Task;

    /// <summary>Takes an answer up: gives it, or asks first what the study wants with it.</summary>
    public async Task BeginAsync(long comparisonId, DeskAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (session.Phase != DeskPhase.Reading || session.Current?.Id != comparisonId)
        {
            return;
        }

        // Once more the same is as good as Enter.
        var again = Step == AnswerStep.Details && Begun?.Answer == answer.Answer && answer.Answer != Answer.Ranked;
        if (again)
        {
            await ConfirmAsync(comparisonId);
            return;
        }

        StopEditing();
        Begun = answer;
        if (Task.AsksStrength && answer is { Answer: Answer.Left or Answer.Right, Strength: null })
        {
            Ask(AnswerStep.Strength);
        }
        else if (answer.StatesPreference && (Task.ReasonChips.Count > 0 || (Task.RequiresComment && IsBlank(session.Comment))))
        {
            Ask(AnswerStep.Details);
            if (Task.ReasonChips.Count == 0)
            {
                CommentWanted?.Invoke();
            }
        }
        else
        {
            await GiveAsync(comparisonId, answer);
        }
    }

    /// <summary>Says how much better.</summary>
    /// <param name="strength">1 to 3.</param>
    public Task GradeAsync(long comparisonId, int strength) =>
        Step == AnswerStep.Strength && Begun is { } begun ? BeginAsync(comparisonId, begun with { Strength = strength }) : System.Threading.Tasks.Task.CompletedTask;

    /// <summary>Gives the answer that was begun, if nothing is missing.</summary>
    public async Task ConfirmAsync(long comparisonId)
    {
        if (Step != AnswerStep.Details || Begun is not { } begun || session.Current?.Id != comparisonId)
        {
            return;
        }

        Missing = Task.RequiresReason && (session.Draft.Reasons?.Count ?? 0) == 0 ? Wanted.Reason
            : Task.RequiresComment && IsBlank(session.Comment) ? Wanted.Comment : null;
        if (Missing is null)
        {
            await GiveAsync(comparisonId, begun);
            return;
        }

        Changed?.Invoke();
        if (Missing == Wanted.Comment)
        {
            CommentWanted?.Invoke();
        }
    }

    public Task SkipAsync(long comparisonId, SkipReason reason) => GiveAsync(comparisonId, new(Answer.Skip) { SkipReason = reason });

    public void ToggleReason(string reason)
    {
        var chosen = session.Draft.Reasons ?? [];
        // In the study's order, whatever the order of the keys.
        var reasons = Task.ReasonChips.Where(chip => chosen.Contains(chip) != (chip == reason)).ToList();
        Missing = null;
        session.Change(session.Draft with { Reasons = reasons.Count == 0 ? null : reasons });
    }

    /// <param name="position">Of the response.</param>
    public void ToggleFlag(int position, ResponseFaults fault)
    {
        var flags = new Dictionary<int, ResponseFaults>(session.Draft.Flags ?? new Dictionary<int, ResponseFaults>());
        flags[position] = flags.GetValueOrDefault(position) ^ fault;
        var standing = flags.Where(flag => flag.Value != ResponseFaults.None).ToDictionary();
        session.Change(session.Draft with { Flags = standing.Count == 0 ? null : standing });
    }

    /// <summary>Opens a step, or closes it if it is open.</summary>
    public void Toggle(AnswerStep step)
    {
        if (session.Phase == DeskPhase.Reading)
        {
            StopEditing();
            Ask(Step == step ? AnswerStep.Choosing : step);
        }
    }

    /// <summary>Opens a response for editing, as far as it was edited already.</summary>
    public void Edit(int position)
    {
        if (session is { Phase: DeskPhase.Reading, Current: { } comparison } && Task.AllowsEdit)
        {
            Ask(AnswerStep.Choosing);
            Editing = position;
            if (session.Draft.Edit?.Position != position)
            {
                session.Change(session.Draft with { Edit = new(position, comparison.TextAt(position)) });
            }

            Changed?.Invoke();
        }
    }

    /// <summary>Takes over the text of the response that is being edited.</summary>
    public void Write(string? text)
    {
        if (Editing is { } position)
        {
            session.Change(session.Draft with { Edit = new(position, text ?? "") });
        }
    }

    /// <summary>Closes the editor. What is empty or as it was is no edit.</summary>
    public void StopEditing()
    {
        if (Editing is null)
        {
            return;
        }

        Editing = null;
        if (session is { Current: { } comparison, Draft.Edit: { } edit } && !edit.IsOf(comparison))
        {
            session.Change(session.Draft with { Edit = null });
        }

        Changed?.Invoke();
    }

    public void DropEdit()
    {
        Editing = null;
        session.Change(session.Draft with { Edit = null });
        Changed?.Invoke();
    }

    /// <summary>One step back.</summary>
    /// <returns>False if there was none to go back from.</returns>
    public bool Close()
    {
        if (Editing is not null)
        {
            StopEditing();
            return true;
        }

        var wasOpen = Step != AnswerStep.Choosing;
        Ask(AnswerStep.Choosing);
        return wasOpen;
    }

    /// <summary>Hears a key by its place on the keyboard.</summary>
    /// <param name="comparisonId">What was on screen when it was pressed.</param>
    /// <returns>False if the key means nothing here.</returns>
    public async Task<bool> KeyAsync(string code, long comparisonId)
    {
        if (session.Current is not { } comparison || comparison.Id != comparisonId)
        {
            return false;
        }

        var digit = code is ['D', 'i', 'g', 'i', 't', >= '1' and <= '9' and var d] ? d - '0' : (int?)null;
        switch (Step, code)
        {
            case (AnswerStep.Skip, _) when digit <= SkipReasons.Count:
                await SkipAsync(comparisonId, SkipReasons[digit.Value - 1]);
                break;
            case (AnswerStep.Strength, _) when digit <= 3:
                await GradeAsync(comparisonId, digit.Value);
                break;
            case (AnswerStep.Details, _) when digit <= Task.ReasonChips.Count:
                ToggleReason(Task.ReasonChips[digit.Value - 1]);
                break;
            case (AnswerStep.Flags, _) when digit <= 2 * comparison.Sides.Count:
                // The first digits are the numbers of the responses, as everywhere.
                ToggleFlag(comparison.Sides[(digit.Value - 1) % comparison.Sides.Count], digit <= comparison.Sides.Count ? ResponseFaults.Unsafe : ResponseFaults.Broken);
                break;
            case (AnswerStep.Edit, _) when digit <= comparison.Sides.Count:
                Edit(comparison.Sides[digit.Value - 1]);
                break;
            case (AnswerStep.Edit, "ArrowLeft" or "ArrowRight") when comparison.IsPair:
                Edit(comparison.Sides[code == "ArrowLeft" ? 0 : 1]);
                break;
            case (AnswerStep.Details, "Enter"):
                await ConfirmAsync(comparisonId);
                break;
            case (_, "KeyS"):
                Toggle(AnswerStep.Skip);
                break;
            case (_, "KeyF"):
                Toggle(AnswerStep.Flags);
                break;
            case (_, "KeyE") when Task.AllowsEdit:
                Toggle(AnswerStep.Edit);
                break;
            case (not AnswerStep.Edit, "ArrowLeft") or (AnswerStep.Choosing, "Digit1") when comparison.IsPair:
                await BeginAsync(comparisonId, new(Answer.Left));
                break;
            case (not AnswerStep.Edit, "ArrowRight") or (AnswerStep.Choosing, "Digit2") when comparison.IsPair:
                await BeginAsync(comparisonId, new(Answer.Right));
                break;
            case (_, "KeyT") when comparison.IsPair:
                await BeginAsync(comparisonId, new(Answer.Tie));
                break;
            case (_, "KeyB") when comparison.IsPair:
                await BeginAsync(comparisonId, new(Answer.BothBad));
                break;
            default:
                return false;
        }

        return true;
    }

    private Task GiveAsync(long comparisonId, DeskAnswer answer)
    {
        if (session.Current?.Id == comparisonId)
        {
            StopEditing();
            Ask(AnswerStep.Choosing);
        }

        return session.AnswerAsync(comparisonId, answer);
    }

    private void Ask(AnswerStep step)
    {
        (Step, Missing) = (step, null);
        if (step is not (AnswerStep.Strength or AnswerStep.Details))
        {
            Begun = null;
        }

        Changed?.Invoke();
    }

    private static bool IsBlank(string? text) => string.IsNullOrWhiteSpace(text);
}
