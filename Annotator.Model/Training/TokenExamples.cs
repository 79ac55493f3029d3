using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Training;

/// <summary>
/// Tokenised training data: windows of packed text and prompt–completion examples, in one compact list.
/// A token either is a target (its loss counts) or only context.
/// </summary>
public sealed class TokenExamples
{
    // One int per token: its id, with the highest bit set where it is no target.
    private const int NoTarget = 1 << 31;

    private readonly List<int> _tokens = [];
    private readonly List<(int Start, int Length)> _examples = [];

    /// <summary>Windows and examples.</summary>
    public int Count => _examples.Count;

    /// <summary>Targets of all of them: what one epoch trains on.</summary>
    public long Targets { get; private set; }

    /// <summary>Examples that were longer than the window and lost their end.</summary>
    public int Cut { get; private set; }

    /// <summary>Tokenises lines. Texts are shuffled, each is opened by the end-of-text token, and all are packed into windows.</summary>
    /// <param name="lines">The data, in order.</param>
    /// <param name="tokenizer">Must have an end-of-text token.</param>
    /// <param name="window">Tokens that a window's model sees, W; it holds one more as the last target.</param>
    /// <param name="seed">Of the order of the texts; none keeps it.</param>
    /// <param name="chat">How chats are written; null if that is not known.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="InvalidDataException">There is a chat, and no template for it.</exception>
    public static TokenExamples From(IEnumerable<TrainingText> lines, TextTokenizer tokenizer, int window, int? seed, ChatTemplate? chat, CancellationToken cancellation)
    {
        var endOfText = tokenizer.EndOfTextId
            ?? throw new FormatException("the tokenizer has no end-of-text token, which parts one text from the next");
        var examples = new TokenExamples();
        List<int[]> texts = [];
        foreach (var line in lines)
        {
            cancellation.ThrowIfCancellationRequested();
            if (line.Text is not null)
            {
                texts.Add([endOfText, .. tokenizer.EncodePrompt(line.Text)]);
            }
            else
            {
                examples.AddExample([.. line.Chat is { } messages
                    ? ChatTokens(messages, tokenizer, chat)
                    : [.. tokenizer.EncodePrompt(line.Prompt!.Text).Select(AsContext), .. tokenizer.EncodeContinuation(line.Answer), endOfText]], window);
            }
        }

        var order = Enumerable.Range(0, texts.Count).ToArray();
        if (seed is { } value)
        {
            new Random(value).Shuffle(order);
        }

        examples.Pack([.. order.SelectMany(i => texts[i])], window);
        return examples;
    }

    /// <summary>The tokens of one example.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <returns>Each token and whether its loss counts; the first one's never does.</returns>
    public IEnumerable<(int Id, bool IsTarget)> this[int index]
    {
        get
        {
            var (start, length) = _examples[index];
            for (var i = 0; i < length; i++)
            {
                var token = _tokens[start + i];
                yield return (token & ~NoTarget, i > 0 && (token & NoTarget) == 0);
            }
        }
    }

    /// <summary>Tokens of one example.</summary>
    public int LengthOf(int index) => _examples[index].Length;

    /// <summary>
    /// The order of one epoch: random, except that within each run of 64 batches examples of like length come
    /// together, so that batches carry little padding. Pure: the same seed and epoch give the same order.
    /// </summary>
    public int[] Order(int seed, int epoch, int batchSize)
    {
        var random = new Random(unchecked(seed * 1_000_003 + epoch));
        var order = Enumerable.Range(0, Count).ToArray();
        random.Shuffle(order);
        if (_examples.TrueForAll(example => example.Length == _examples[0].Length))
        {
            return order;
        }

        foreach (var run in order.Chunk(64 * batchSize).Index())
        {
            var sorted = run.Item.OrderBy(LengthOf).Chunk(batchSize).ToArray();
            random.Shuffle(sorted);
            sorted.SelectMany(batch => batch).ToArray().CopyTo(order, run.Index * 64 * batchSize);
        }

        return order;
    }

    private static int AsContext(int id) => id | NoTarget;

    private void AddExample(int[] tokens, int window)
    {
        if (tokens.Length > window + 1)
        {
            tokens = tokens[..(window + 1)];
            Cut++;
        }

        var targets = tokens.Skip(1).Count(token => (token & NoTarget) == 0);
        if (targets == 0)
        {
            return;                                                                               // nothing to learn from
        }

        _examples.Add((_tokens.Count, tokens.Length));
        _tokens.AddRange(tokens);
        Targets += targets;
    }

    /// <summary>Windows of W + 1 tokens that share their border token: every token but the first is a target once.</summary>
    private void Pack(int[] stream, int window)
    {
        var start = _tokens.Count;
        _tokens.AddRange(stream);
        var windows = (stream.Length - 1) / window;
        if (windows == 0 && stream.Length > 1)
        {
            _examples.Add((start, stream.Length));                                                // less text than one window
            Targets += stream.Length - 1;
        }

        for (var i = 0; i < windows; i++)
        {
            _examples.Add((start + i * window, window + 1));
            Targets += window;
        }
    }

    private static IEnumerable<int> ChatTokens(IReadOnlyList<ChatMessage> messages, TextTokenizer tokenizer, ChatTemplate? chat) =>
        (chat ?? throw new InvalidDataException($"The data has chats, and the policy names no chat template that is known here: choose one with --chat-template ({string.Join(", ", ChatTemplate.Names)})."))
            .Example(messages, tokenizer)
            .Select(token => token.IsTarget ? token.Id : AsContext(token.Id));
}
