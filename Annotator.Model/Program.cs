using System.CommandLine;
using Annotator.Model.Commands;

var root = new RootCommand("Annotator's language models: training, sampling and serving of policies.")
{
    Verb.Json,
    LogprobsCommand.Create(),
    LengthsCommand.Create(),
    SftCommand.Create(),
    DpoCommand.Create(),
    RewardCommand.Create(),
    PpoCommand.Create(),
    EvaluateCommand.Create(),
    ShortTakesCommand.Create(),
    SampleCommand.Create(),
    ExportCommand.Create(),
    ServeCommand.Create(),
    ExperimentCommand.Create(),
    BenchmarkCommand.Create(),
};
return await Verb.InvokeAsync(root, args);
