namespace Annotator.Model.Experiments;

/// <summary>options.json of an experiment's directory: what is finished there may only be gone on with as it was begun.</summary>
public static class KeptOptions
{
    public const string File = "options.json";

    /// <summary>Writes the options on the first run, and compares them on every other.</summary>
    /// <exception cref="InvalidDataException">They are others.</exception>
    public static void Keep(string directory, string options)
    {
        var path = Path.Combine(directory, File);
        if (!System.IO.File.Exists(path))
            System.IO.File.WriteAllText(path, options);
        else if (System.IO.File.ReadAllText(path) != options)
            throw new InvalidDataException($"{directory} was begun with other options, which stand in its {File}. Give another --out, or the same options.");
    }
}
