using System.Text;
using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>A step of the split of a text into words. The words are added in order; they may differ from the text, as where a space is put before it.</summary>
internal delegate void WordStep(ReadOnlyMemory<char> text, TextPlace place, List<ReadOnlyMemory<char>> words);

/// <summary>The pre-tokenizer of a tokenizer.json: how a normalised text is split into words, inside which merges happen.</summary>
/// <param name="Steps">In order; each splits the words of the one before.</param>
/// <param name="IsByteLevel">Words are spelt in bytes after the last step.</param>
internal sealed record PreTokenizer(IReadOnlyList<WordStep> Steps, bool IsByteLevel)
{
    /// <summary>Splits a text.</summary>
    public List<ReadOnlyMemory<char>> Split(ReadOnlyMemory<char> text, TextPlace place)
    {
        List<ReadOnlyMemory<char>> words = text.IsEmpty ? [] : [text];
        foreach (var step in Steps)
        {
            List<ReadOnlyMemory<char>> next = new(words.Count);
            for (var i = 0; i < words.Count; i++)
            {
                step(words[i], i == 0 ? place : TextPlace.AfterToken, next);
            }

            words = next;
        }

        return words;
    }
}

/// <summary>Reads pre-tokenizers. Source: the Rust crate <c>tokenizers</c>, whose files these are.</summary>
internal static class PreTokenization
{
    /// <summary>GPT-2's: words of <see cref="Gpt2Words"/>, spelt in bytes.</summary>
    public static PreTokenizer Gpt2 { get; } = new([Words(Gpt2Words.Length)], IsByteLevel: true);

    /// <summary>The pre-tokenizer that a file names.</summary>
    /// <exception cref="FormatException">It is of a kind that is not known here, which the message names.</exception>
    public static PreTokenizer Read(JsonElement? json)
    {
        List<WordStep> steps = [];
        var isByteLevel = false;
        foreach (var part in Parts(json))
        {
            var type = part.Required("type").AsText("type");
            if (isByteLevel)
            {
                throw new FormatException($"its pre-tokenizer has a \"{type}\" after \"ByteLevel\", which is not known here");
            }

            isByteLevel = type == "ByteLevel";
            steps.AddRange(type switch
            {
                "ByteLevel" => ByteLevelSteps(part),
                "Split" => [Split(part)],
                "Digits" => [Digits(part.Flag("individual_digits"))],
                "Metaspace" => [Metaspace(part)],
                _ => throw new FormatException($"its pre-tokenizer \"{type}\" is not known here"),
            });
        }

        return new(steps, isByteLevel);
    }

    /// <summary>
    /// Splits before each mark that follows another character. Where no token has a mark behind another character, no
    /// merge reaches over such a place, so this changes no id; it keeps words short where a file splits nothing.
    /// </summary>
    public static WordStep Before(char mark) => (text, _, words) =>
    {
        var start = 0;
        var span = text.Span;
        for (var i = 1; i < span.Length; i++)
        {
            if (span[i] == mark && span[i - 1] != mark)
            {
                words.Add(text[start..i]);
                start = i;
            }
        }

        words.Add(text[start..]);
    };

    private static IEnumerable<JsonElement> Parts(JsonElement? json) =>
        json is not { } part ? []
        : part.Text("type") == "Sequence" ? part.Items("pretokenizers").SelectMany(inner => Parts(inner))
        : [part];

    private static IEnumerable<WordStep> ByteLevelSteps(JsonElement json)
    {
        if (json.Flag("add_prefix_space", otherwise: true))
        {
            yield return (text, place, words) => words.Add(
                place == TextPlace.AfterText || text.Span[0] == ' ' ? text : $" {text}".AsMemory());
        }

        if (json.Flag("use_regex", otherwise: true))
        {
            yield return Words(Gpt2Words.Length);
        }
    }

    private static WordStep Words(Func<ReadOnlySpan<char>, int> lengthOfFirst) => (text, _, words) =>
    {
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = lengthOfFirst(text.Span[at..]);
            words.Add(text.Slice(at, length));
        }
    };

    private static WordStep Split(JsonElement json)
    {
        var inverted = json.Flag("invert");
        var behaviour = json.Text("behavior");
        // Isolated: matches and what is between them; removed: the one or the other alone.
        var (keepsMatches, keepsOthers) = behaviour switch
        {
            "Isolated" => (true, true),
            "Removed" => (inverted, !inverted),
            _ => throw new FormatException($"its pre-tokenizer \"Split\" with the behavior \"{behaviour}\" is not known here"),
        };

        var pattern = json.Required("pattern");
        var expression = pattern.Text("Regex");

        // These match everything, so nothing lies between.
        if (expression == Gpt2Words.Pattern && keepsMatches)
        {
            return Words(Gpt2Words.Length);
        }

        foreach (var mostDigits in new[] { 1, 3 })
        {
            if (expression == Llama3Words.Pattern(mostDigits == 1) && keepsMatches)
            {
                return Words(text => Llama3Words.Length(text, mostDigits));
            }
        }

        var words = expression is not null ? WordPattern.Of(expression) : WordPattern.Literal(pattern.Required("String").AsText("String"));
        return (text, _, found) =>
        {
            var at = 0;
            foreach (var (start, end) in words.Matches(text.Span))
            {
                Add(at, start, keepsOthers);
                Add(start, end, keepsMatches);
                at = end;
            }

            Add(at, text.Length, keepsOthers);

            void Add(int from, int to, bool keeps)
            {
                if (keeps && from < to)
                {
                    found.Add(text[from..to]);
                }
            }
        };
    }

    private static WordStep Digits(bool individual) => (text, _, words) =>
    {
        for (int at = 0, length; at < text.Length; at += length)
        {
            var span = text.Span[at..];
            var isNumber = CharacterKinds.At(span, out length) == CharacterKind.Number;
            while (!(isNumber && individual) && at + length < text.Length
                && CharacterKinds.At(span[length..], out var next) == CharacterKind.Number == isNumber)
            {
                length += next;
            }

            words.Add(text.Slice(at, length));
        }
    };

    private static WordStep Metaspace(JsonElement json)
    {
        var replacement = json.Text("replacement") ?? "▁";
        if (replacement.Length != 1)
        {
            throw new FormatException($"its pre-tokenizer \"Metaspace\" with the replacement \"{replacement}\" is not known here");
        }

        var mark = replacement[0];
        // Older files say add_prefix_space where newer ones have a scheme.
        var scheme = json.Text("prepend_scheme") ?? (json.Flag("add_prefix_space", otherwise: true) ? "always" : "never");
        if (scheme is not ("always" or "first" or "never"))
        {
            throw new FormatException($"its pre-tokenizer \"Metaspace\" with the prepend_scheme \"{scheme}\" is not known here");
        }

        var splits = json.Flag("split", otherwise: true);
        return (text, place, words) =>
        {
            var prepends = scheme == "always" ? place != TextPlace.AfterText : scheme == "first" && place == TextPlace.Start;
            var marked = new StringBuilder(text.Length + 1).Append(text.Span).Replace(' ', mark);
            if (prepends && marked[0] != mark)
            {
                marked.Insert(0, mark);
            }

            var whole = marked.ToString().AsMemory();
            if (!splits)
            {
                words.Add(whole);
                return;
            }

            // Each mark begins a word.
            var start = 0;
            for (var i = 1; i < whole.Length; i++)
            {
                if (whole.Span[i] == mark)
                {
                    words.Add(whole[start..i]);
                    start = i;
                }
            }

            words.Add(whole[start..]);
        };
    }
}
