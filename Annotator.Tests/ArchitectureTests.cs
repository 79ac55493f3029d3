namespace Annotator.Tests;

public sealed class ArchitectureTests
{
    [Fact]
    public void The_solution_builds() => typeof(ArchitectureTests).Namespace.ShouldBe("Annotator.Tests");
}
