using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;

namespace Annotator.Model.Tokenization;

/// <summary>A chat as a prompt: what the model reads, and its token ids.</summary>
/// <param name="Text">With special tokens as they are spelt; for people, and for servers that take text only.</param>
/// <param name="TokenIds">Special tokens are ids of their own only where the template puts them, never where a message spells one.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<int> TokenIds);

/// <summary>
/// How a chat becomes a prompt. Four forms are known by name: <c>plain</c> (Anthropic's HH transcripts), <c>chatml</c>,
/// <c>llama-3</c> and <c>zephyr</c>. Pure: opens no file, keeps no state.
/// </summary>
public sealed record ChatTemplate
{
    private const string Assistant = "assistant";
    private const string System = "system";

    /// <summary>The HH form, "\n\nHuman: …\n\nAssistant:". It is text: it begins as a text prompt does, and ends no turn by a token.</summary>
    public static ChatTemplate Plain { get; } = new(
        "plain",
        open: (role, _) => role switch
        {
            "user" => [new("\n\nHuman: ")],
            Assistant => [new("\n\nAssistant:")],
            _ => [],
        },
        end: EndOfText)
    {
        IsText = true,
        BeforeAnswer = " ",
        StopStrings = ["\n\nHuman:"],
    };

    /// <summary>"&lt;|im_start|&gt;user\n…&lt;|im_end|&gt;\n": Qwen, SmolLM and many others.</summary>
    public static ChatTemplate Chatml { get; } = new(
        "chatml",
        open: (role, _) => [Special("<|im_start|>"), new($"{role}\n")],
        end: _ => Special("<|im_end|>"))
    {
        AfterEnd = "\n",
    };

    /// <summary>"&lt;|start_header_id|&gt;user&lt;|end_header_id|&gt;\n\n…&lt;|eot_id|&gt;", contents without white space around them.</summary>
    public static ChatTemplate Llama3 { get; } = new(
        "llama-3",
        open: (role, _) => [Special("<|start_header_id|>"), new(role), Special("<|end_header_id|>"), new("\n\n")],
        end: _ => Special("<|eot_id|>"))
    {
        Opening = [Special("<|begin_of_text|>")],
        Trims = true,
    };

    /// <summary>"&lt;|user|&gt;\n…&lt;/s&gt;\n": Zephyr and TinyLlama. Turns end by the tokenizer's end of text; roles are text, unless it has tokens for them.</summary>
    public static ChatTemplate Zephyr { get; } = new(
        "zephyr",
        open: (role, tokenizer) => tokenizer.AddedTokenId($"<|{role}|>") is null
            ? [new($"<|{role}|>\n")]
            : [Special($"<|{role}|>"), new("\n")],
        end: EndOfText)
    {
        AfterEnd = "\n",
    };

    private readonly Func<string, TextTokenizer, IReadOnlyList<TextPart>> _open;
    private readonly Func<TextTokenizer, TextPart> _end;

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="open">What comes before what a role says.</param>
    /// <param name="end">The token that ends a turn.</param>
    private ChatTemplate(string name, Func<string, TextTokenizer, IReadOnlyList<TextPart>> open, Func<TextTokenizer, TextPart> end) =>
        (Name, _open, _end) = (name, open, end);

    /// <summary>What <see cref="Named"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["plain", "chatml", "llama-3", "zephyr"];

    /// <summary>One of <see cref="Names"/>.</summary>
    public string Name { get; }

    /// <summary>What the system says where a chat does not begin with a system message; null for nothing.</summary>
    public string? DefaultSystem { get; init; }

    /// <summary>What stands before what the system says, so that there is always a system turn; null for nothing.</summary>
    public string? SystemPreamble { get; init; }

    /// <summary>Texts that end the assistant's turn beside <see cref="EndIds"/>.</summary>
    public IReadOnlyList<string> StopStrings { get; private init; } = [];

    private bool IsText { get; init; }

    private IReadOnlyList<TextPart> Opening { get; init; } = [];

    private string BeforeAnswer { get; init; } = "";

    private bool Trims { get; init; }

    private string AfterEnd { get; init; } = "";

    /// <summary>The template of a name; null if it is none of <see cref="Names"/>.</summary>
    public static ChatTemplate? Named(string name) => name switch
    {
        "plain" => Plain,
        "chatml" => Chatml,
        "llama-3" => Llama3,
        "zephyr" => Zephyr,
        _ => null,
    };

    /// <summary>
    /// The template that a policy directory names (its <c>chat_template</c>); null where it names none, or one that is not
    /// known here: then one is to be asked for by name.
    /// </summary>
    /// <exception cref="PolicyException">The file that names it can't be read.</exception>
    public static ChatTemplate? Of(string directory) => CheckpointChatTemplate.Of(directory);

    /// <summary>The template of a name, where one is given; else the one that a policy directory names.</summary>
    /// <exception cref="FormatException">There is no such name, or the directory names no template that is known here.</exception>
    /// <exception cref="PolicyException">The file that names it can't be read.</exception>
    public static ChatTemplate Choose(string? name, string directory) => name is null
        ? Of(directory) ?? throw new FormatException($"{directory} names no chat template that is known here: choose one by name ({string.Join(", ", Names)})")
        : Named(name) ?? throw new FormatException($"there is no chat template \"{name}\" (there are {string.Join(", ", Names)})");

    /// <summary>The chat so far, and the opening of the assistant's next turn.</summary>
    /// <exception cref="FormatException">A message's role is none of system, user and assistant.</exception>
    /// <exception cref="PolicyException">The tokenizer lacks a token of the template.</exception>
    public RenderedChat Prompt(IReadOnlyList<ChatMessage> messages, TextTokenizer tokenizer)
    {
        List<TextPart> parts = [.. Turns(messages, tokenizer, learned: false), .. _open(Assistant, tokenizer)];
        return new(
            string.Concat(parts.Select(part => part.Text)),
            [.. IsText ? tokenizer.BeginIds : [], .. tokenizer.Encode(parts).Select(token => token.Id)]);
    }

    /// <summary>A whole chat to learn from: what the assistant says, and the token that ends it, are the targets.</summary>
    /// <inheritdoc cref="Prompt" path="/exception" />
    public IReadOnlyList<(int Id, bool IsTarget)> Example(IReadOnlyList<ChatMessage> messages, TextTokenizer tokenizer) =>
    [
        .. IsText ? tokenizer.BeginIds.Select(id => (id, false)) : [],
        .. tokenizer.Encode([.. Turns(messages, tokenizer, learned: true)]),
    ];

    /// <summary>What the assistant says after <see cref="Prompt"/>, with the token that ends it.</summary>
    /// <exception cref="PolicyException">The tokenizer lacks a token of the template.</exception>
    public IReadOnlyList<int> Answer(string text, TextTokenizer tokenizer) =>
        [.. tokenizer.EncodeContinuation(BeforeAnswer + (Trims ? text.Trim() : text)), .. tokenizer.Encode([_end(tokenizer)]).Select(token => token.Id)];

    /// <summary>The ids that end the assistant's turn: the template's own, and the tokenizer's end of text.</summary>
    /// <exception cref="PolicyException">The tokenizer lacks a token of the template.</exception>
    public IReadOnlyList<int> EndIds(TextTokenizer tokenizer) =>
    [
        .. tokenizer.Encode([_end(tokenizer)]).Select(token => token.Id)
            .Concat(tokenizer.EndOfTextId is { } end ? [end] : [])
            .Distinct(),
    ];

    private static TextPart Special(string token) => new(token, IsSpecial: true);

    private static TextPart EndOfText(TextTokenizer tokenizer) => Special(tokenizer.EndOfText
        ?? throw new PolicyException("The tokenizer names no end-of-text token, and this chat template ends each turn by it."));

    private List<TextPart> Turns(IReadOnlyList<ChatMessage> messages, TextTokenizer tokenizer, bool learned)
    {
        var parts = Opening.ToList();
        if ((DefaultSystem ?? SystemPreamble) is not null && messages is not [{ Role: System }, ..])
        {
            messages = [new(System, DefaultSystem ?? ""), .. messages];
        }

        foreach (var (index, (role, content)) in messages.Index())
        {
            if (role is not (System or "user" or Assistant))
            {
                throw new FormatException($"A message's role must be system, user or assistant; one is \"{role}\".");
            }

            var said = (index == 0 && role == System ? SystemPreamble : null) + (Trims ? content.Trim() : content);
            var isTarget = learned && role == Assistant;
            parts.AddRange(_open(role, tokenizer));
            parts.Add(new((role == Assistant ? BeforeAnswer : "") + said, IsTarget: isTarget));
            if (isTarget || !IsText)
            {
                parts.Add(_end(tokenizer) with { IsTarget = isTarget });
            }

            parts.Add(new(AfterEnd));
        }

        return parts;
    }
}
