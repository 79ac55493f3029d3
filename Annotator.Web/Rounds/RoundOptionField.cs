using Annotator.Web.Languages;
using Annotator.Web.Studies;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Rounds;

/// <summary>What a field of the start panel holds.</summary>
public enum FieldKind
{
    Number,
    Whole,
    Switch,
    Choice,

    /// <summary>Words with commas between.</summary>
    List,
}

/// <summary>One key of <c>options.json</c> as the Rounds page offers it.</summary>
/// <param name="Key">The key's name in the file, which is also its label: what people read in papers is what they set here.</param>
/// <param name="Group">The heading it stands under in "All options"; null for the few that are always in sight.</param>
/// <param name="Explanation">One line, in the language of the page.</param>
public sealed record RoundOptionField(string Key, string? Group, FieldKind Kind, Func<IStringLocalizer<Words>, string> Explanation)
{
    /// <summary>The words to choose from, where <see cref="Kind"/> is <see cref="FieldKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>True where an empty field means that the trainer decides.</summary>
    public bool MayBeEmpty { get; init; }

    /// <summary>The heading of its group, in the language of the page; null for those in sight.</summary>
    public string? Heading(IStringLocalizer<Words> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        return Group switch
        {
            Loss => words["Loss"].Value,
            Optimizer => words["Optimizer"].Value,
            Steps => words["Steps and logging"].Value,
            Lengths => words["Lengths"].Value,
            Adapters => words["Low-rank adapters"].Value,
            Machine => words["Machine"].Value,
            _ => null,
        };
    }

    private const string Loss = "Loss", Optimizer = "Optimizer", Steps = "Steps and logging", Lengths = "Lengths", Adapters = "Low-rank adapters", Machine = "Machine";

    /// <summary>All keys that can be set to more than one value, but the two directories, in reading order.</summary>
    public static IReadOnlyList<RoundOptionField> All { get; } =
    [
        new("beta", null, FieldKind.Number, words => words["How firmly the policy is held to the reference: smaller lets it move further."]),
        new("loss_type", null, FieldKind.Choice, words => words["sigmoid is DPO's own; ipo and robust bear noisy labels better; unlikelihood is a baseline."]) { Choices = ["sigmoid", "robust", "ipo", "hinge", "unlikelihood"] },
        new("learning_rate", null, FieldKind.Number, words => words["The size of one update."]),
        new("batch_size", null, FieldKind.Whole, words => words["Comparisons per update."]),
        new("num_train_epochs", null, FieldKind.Number, words => words["How often each comparison is seen."]),
        new("max_steps", null, FieldKind.Whole, words => words["Updates in all; 0 = as many as the epochs make."]),

        new("label_smoothing", Loss, FieldKind.Number, words => words["The share of judgments assumed to be flipped, from 0 to below 0.5."]),
        new("ipo_average", Loss, FieldKind.Switch, words => words["ipo on log-probabilities averaged over tokens, not summed."]),
        new("unlikelihood_alpha", Loss, FieldKind.Number, words => words["unlikelihood's weight on the rejected completion; 0 learns the chosen ones only (Preferred-FT)."]),
        new("rankings", Loss, FieldKind.Choice, words => words["How a ranking of more than two is trained: as a whole, or as its pairs."]) { Choices = ["plackett_luce", "pairs"] },
        new("weights", Loss, FieldKind.Switch, words => words["Weight each comparison by its line's weight."]),

        new("optimizer", Optimizer, FieldKind.Choice, words => words["rmsprop is the paper's."]) { Choices = ["rmsprop", "adamw", "sgd"] },
        new("lr_scheduler_type", Optimizer, FieldKind.Choice, words => words["How the learning rate goes on after the warm-up."]) { Choices = ["constant_with_warmup", "cosine", "linear"] },
        new("warmup_steps", Optimizer, FieldKind.Whole, words => words["Updates over which the learning rate rises from 0."]),
        new("max_grad_norm", Optimizer, FieldKind.Number, words => words["Longer gradients are cut to this length; 0 = never."]),
        new("weight_decay", Optimizer, FieldKind.Number, words => words["AdamW's pull of all weights towards 0."]),
        new("rmsprop_alpha", Optimizer, FieldKind.Number, words => words["How slowly RMSprop's average forgets."]),
        new("rmsprop_epsilon", Optimizer, FieldKind.Number, words => words["Keeps RMSprop from dividing by 0."]),
        new("adam_beta1", Optimizer, FieldKind.Number, words => words["How slowly AdamW's mean forgets."]),
        new("adam_beta2", Optimizer, FieldKind.Number, words => words["How slowly AdamW's variance forgets."]),
        new("adam_epsilon", Optimizer, FieldKind.Number, words => words["Keeps AdamW from dividing by 0."]),
        new("dropout", Optimizer, FieldKind.Number, words => words["The share of activations dropped while training."]),

        new("micro_batch_size", Steps, FieldKind.Whole, words => words["Comparisons in memory at once; 0 = some 2,048 tokens of them. Changes no result."]),
        new("logging_steps", Steps, FieldKind.Whole, words => words["Updates between two points of the curves."]),
        new("eval_steps", Steps, FieldKind.Whole, words => words["Updates between measurements on the eval split; 0 = first and last only."]),
        new("early_stopping_patience", Steps, FieldKind.Whole, words => words["Measurements without a better eval_loss before it stops; 0 = never."]),
        new("checkpoint_steps", Steps, FieldKind.Whole, words => words["Updates between checkpoints; 0 = only when cancelled."]),
        new("seed", Steps, FieldKind.Whole, words => words["Decides the order of the comparisons."]),

        new("max_length", Lengths, FieldKind.Whole, words => words["Prompt and response together, in tokens; empty = the model's context."]) { MayBeEmpty = true },
        new("max_prompt_length", Lengths, FieldKind.Whole, words => words["Comparisons with longer prompts are left out; empty = half the context."]) { MayBeEmpty = true },

        new("chat_template", Lengths, FieldKind.Choice, words => words["How a chat without stored tokens becomes a prompt; empty = as the policy's own files say."]) { Choices = ["", .. StudySettings.ChatTemplates], MayBeEmpty = true },

        new("lora_rank", Adapters, FieldKind.Whole, words => words["Train low-rank adapters of this rank instead of all weights, and merge them at the end; 0 = all weights."]),
        new("lora_alpha", Adapters, FieldKind.Number, words => words["The adapters' product is scaled by this over the rank."]),

        new("lora_target_modules", Adapters, FieldKind.List, words => words["Projections that get adapters, by the last part of their names and with commas between, such as q_proj, v_proj; or all-linear. Empty = the usual ones of the model's family."]) { MayBeEmpty = true },

        new("activation_checkpointing", Machine, FieldKind.Switch, words => words["Less memory for a third more work. Changes no result."]),
        new("dtype", Machine, FieldKind.Choice, words => words["What is computed in; weights and result stay float32. bfloat16 pays on a GPU."]) { Choices = ["float32", "bfloat16"] },
        new("device", Machine, FieldKind.Choice, words => words["auto takes a GPU where there is one."]) { Choices = ["auto", "cpu", "cuda"] },
        new("threads", Machine, FieldKind.Whole, words => words["Processor threads; 0 = all. The same number gives the same bytes."]),
    ];
}
