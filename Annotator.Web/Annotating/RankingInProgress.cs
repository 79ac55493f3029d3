namespace Annotator.Web.Annotating;

/// <summary>
/// An order in the making: as many numbered slots as there are responses, those in one slot tied, and a tray with the
/// responses that have no place yet. It speaks of responses by position and never changes: each move makes another.
/// </summary>
public sealed class RankingInProgress
{
    private RankingInProgress(IReadOnlyList<int> sides, IReadOnlyList<IReadOnlyList<int>> slots)
    {
        Sides = sides;
        // Within a slot, and in the tray, as they stood: an order there would look as if it meant something.
        Slots = [.. slots.Select(slot => sides.Where(slot.Contains).ToList())];
        Tray = [.. sides.Where(position => SlotOf(position) is null)];
    }

    /// <summary>The positions in the order in which they stood.</summary>
    public IReadOnlyList<int> Sides { get; }

    /// <summary>Positions, best first, as many slots as responses; one may be empty until the order is taken.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Slots { get; }

    /// <summary>The positions that have no place yet.</summary>
    public IReadOnlyList<int> Tray { get; }

    public bool IsComplete => Tray.Count == 0;

    public bool IsUntouched => Tray.Count == Sides.Count;

    /// <summary>The order so far: tiers of positions, best first, without the slots that are empty.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Tiers => [.. Slots.Where(slot => slot.Count > 0)];

    /// <summary>The order in which they stood, no two tied.</summary>
    public IReadOnlyList<IReadOnlyList<int>> AsTheyStood => [.. Sides.Select(position => new[] { position })];

    /// <summary>As it goes into a <see cref="DeskDraft"/>; null while it is untouched.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Draft => IsUntouched ? null : Slots;

    /// <summary>Takes up what a draft has; what makes no sense in it is left out.</summary>
    /// <param name="sides">The positions in the order in which they stand.</param>
    public static RankingInProgress Of(IReadOnlyList<int> sides, IReadOnlyList<IReadOnlyList<int>>? draft)
    {
        ArgumentNullException.ThrowIfNull(sides);
        var seen = new HashSet<int>();
        var slots = (draft ?? []).Take(sides.Count).Select(slot => (IReadOnlyList<int>)[.. slot.Where(position => sides.Contains(position) && seen.Add(position))]);
        return new(sides, [.. slots.Concat(Enumerable.Repeat<IReadOnlyList<int>>([], sides.Count)).Take(sides.Count)]);
    }

    /// <summary>Counted from 0; null if it is in the tray.</summary>
    public int? SlotOf(int position) => Slots.Index().Where(slot => slot.Item.Contains(position)).Select(slot => (int?)slot.Index).FirstOrDefault();

    /// <summary>Those that share its slot.</summary>
    public IEnumerable<int> TiedWith(int position) => Slots.Where(slot => slot.Contains(position)).SelectMany(slot => slot).Where(other => other != position);

    /// <summary>Puts it into a slot, beside what is there: they are tied.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such slot or response.</exception>
    public RankingInProgress Place(int position, int slot)
    {
        Check(position, slot, Sides.Count - 1);
        return new(Sides, [.. Without(position).Select((members, index) => index == slot ? [.. members, position] : members)]);
    }

    /// <summary>Puts it between two slots; what is in the way moves along to the nearest slot that is empty, below if there is one.</summary>
    /// <param name="before">The slot before which it goes, from 0; the number of slots = after the last.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such slot or response.</exception>
    public RankingInProgress Insert(int position, int before)
    {
        Check(position, before, Sides.Count);
        var slots = Without(position);
        slots.Insert(before, [position]);
        // One of the others is empty: there are as many slots as responses, and this one is in none of them.
        var gap = slots.FindIndex(before + 1, slot => slot.Count == 0);
        slots.RemoveAt(gap >= 0 ? gap : slots.FindLastIndex(before, slot => slot.Count == 0));
        return new(Sides, slots);
    }

    /// <summary>Puts it back into the tray.</summary>
    public RankingInProgress TakeOut(int position) => new(Sides, Without(position));

    private List<IReadOnlyList<int>> Without(int position) => [.. Slots.Select(slot => (IReadOnlyList<int>)[.. slot.Where(other => other != position)])];

    private void Check(int position, int slot, int last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slot, last);
        if (!Sides.Contains(position))
        {
            throw new ArgumentOutOfRangeException(nameof(position), position, $"The responses have the positions {string.Join(", ", Sides)}.");
        }
    }
}
