using System.Text.Json;
using System.Text.Json.Nodes;

namespace Annotator.Model.LanguageModels;

/// <summary>Reads the keys of a Hugging Face config.json. A key that is null counts as absent, as in transformers.</summary>
internal sealed class ConfigReader(JsonObject config)
{
    private const int Largest = 1 << 28;                                                          // products of a few such numbers stay within a long
    private const int MostLayers = 1000;

    /// <summary>A positive whole number, under the first of the names that is given.</summary>
    /// <exception cref="FormatException">None is given, or it is not one.</exception>
    public int Size(params string[] keys) => OptionalSize(keys) ?? throw new FormatException($"it has no \"{keys[0]}\"");

    /// <summary>As <see cref="Size"/>; null where none is given.</summary>
    public int? OptionalSize(params string[] keys)
    {
        var key = keys.FirstOrDefault(Has);
        return key is null || Value<int>(key) is not { } value ? null
            : value is > 0 and <= Largest ? value : throw new FormatException($"\"{key}\" is {value}; it must be from 1 to {Largest}");
    }

    /// <summary>The number of blocks: not so many that naming their tensors fills the memory.</summary>
    /// <exception cref="FormatException">It is not given, or makes no sense.</exception>
    public int Layers(string key) => Size(key) is var layers && layers <= MostLayers ? layers
        : throw new FormatException($"\"{key}\" is {layers}; models of up to {MostLayers} blocks can be read");

    /// <summary>A number.</summary>
    /// <exception cref="FormatException">It is not one.</exception>
    public double? Number(string key) => Value<double>(key);

    /// <summary>true or false.</summary>
    /// <exception cref="FormatException">It is neither.</exception>
    public bool? Flag(string key) => Value<bool>(key);

    public string? Text(string key) => config[key]?.ToString();

    /// <summary>An object within.</summary>
    /// <exception cref="FormatException">It is not one.</exception>
    public ConfigReader? Section(string key) => config[key] switch
    {
        null => null,
        JsonObject section => new(section),
        var other => throw new FormatException($"\"{key}\" is {other.ToJsonString()}, which is not an object"),
    };

    public bool Has(string key) => config[key] is not null;

    private T? Value<T>(string key) where T : struct
    {
        try
        {
            return config[key]?.Deserialize<T>();
        }
        catch (JsonException)
        {
            throw new FormatException($"\"{key}\" is {config[key]?.ToJsonString()}, which is not {(typeof(T) == typeof(bool) ? "true or false" : typeof(T) == typeof(int) ? "a whole number" : "a number")}");
        }
    }
}
