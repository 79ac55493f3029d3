namespace Annotator.Tests.Fixtures;

/// <summary>For test classes that hold a time limit: they run with nothing else beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TimedCollection
{
    public const string Name = "timed";
}
