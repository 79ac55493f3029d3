namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// A way to spell judged comparisons as JSON objects. Both directions are pure: what a file is made of (lines of JSON, a
/// table) is <see cref="Records"/>' concern.
/// </summary>
public interface IDatasetFormat
{
    /// <summary>As people and addresses call it: <c>trl</c>, <c>hh-rlhf</c>.</summary>
    string Name { get; }

    /// <summary>Whether a file that begins with this object is of this format.</summary>
    internal bool Recognises(JsonRecord first);

    /// <summary>Reads one object.</summary>
    internal Reading Read(JsonRecord record);

    /// <summary>
    /// The objects that say a row, each a line of JSON without its end; none where the format has no word for it (most have
    /// none for a tie). A format of pairs has one for each pair that a ranking implies.
    /// </summary>
    /// <exception cref="NotSupportedException">The format is only read.</exception>
    IEnumerable<string> Write(DatasetRow row);
}
