using NetArchTest.Rules;

namespace Annotator.Tests;

/// <summary>The arrows between the rooms: who may know of whom.</summary>
public sealed class ArchitectureTests
{
    private const string Root = "Annotator.Web";

    private static readonly string[] Features =
    [
        .. new[] { "Annotating", "Prompts", "Rounds", "Dataset", "People", "Studies", "Api", "Account", "Overview", "Demo", "Evaluations", "Policies.Pages" }.Select(room => $"{Root}.{room}"),
    ];

    private static Types Web => Types.InAssembly(typeof(Annotator.Web.Program).Assembly);

    private static Types Model => Types.InAssembly(typeof(Annotator.Model.Preferences.RoundOptions).Assembly);

    [Fact]
    public void The_model_knows_nothing_of_the_web_app_the_database_or_Blazor() =>
        ShouldHold(Model.Should().NotHaveDependencyOnAny("Annotator.Web", "Microsoft.EntityFrameworkCore", "Microsoft.AspNetCore.Components", "MudBlazor"));

    [Fact]
    public void The_web_app_uses_only_rooms_of_the_model_without_tensors() =>
        ShouldHold(Web.Should().NotHaveDependencyOnAny(
        [
            "TorchSharp", "Annotator.Model.LanguageModels", "Annotator.Model.Checkpoints", "Annotator.Model.Tokenization",
            "Annotator.Model.Training", "Annotator.Model.Native",
            // Elsewhere (the completions contract in Sampling), whatever type touches a tensor.
            .. Model.That().HaveDependencyOn("TorchSharp").GetTypes().Select(type => type.FullName!),
        ]));

    [Fact]
    public void Rooms_of_the_model_that_the_web_app_uses_hold_no_tensors() =>
        ShouldHold(Model.That().ResideInNamespace("Annotator.Model.Preferences").Or().ResideInNamespace("Annotator.Model.Policies")
            .Should().NotHaveDependencyOn("TorchSharp"));

    [Fact]
    public void Data_and_engine_know_nothing_of_Blazor() =>
        ShouldHold(In("Data", "Engine").Should().NotHaveDependencyOnAny("Microsoft.AspNetCore.Components", "MudBlazor"));

    [Fact]
    public void Data_knows_no_other_room() =>
        ShouldHold(In("Data").Should().NotHaveDependencyOnAny([.. Features, $"{Root}.Shell", $"{Root}.Sampling", $"{Root}.Policies", $"{Root}.Engine", $"{Root}.Live"]));

    [Fact]
    public void Engine_and_live_know_no_page() =>
        ShouldHold(In("Engine", "Live").Should().NotHaveDependencyOnAny([.. Features, $"{Root}.Shell", $"{Root}.Sampling", $"{Root}.Policies"]));

    [Fact]
    public void Sampling_and_policies_know_no_page() =>
        ShouldHold(In("Sampling", "Policies").And().DoNotResideInNamespace($"{Root}.Policies.Pages").Should().NotHaveDependencyOnAny([.. Features, $"{Root}.Shell"]));

    [Fact]
    public void No_feature_knows_the_shell() =>
        ShouldHold(Web.That().ResideInNamespaceMatching($@"^Annotator\.Web\.({string.Join('|', Features.Select(f => f[(Root.Length + 1)..]))})").Should().NotHaveDependencyOn($"{Root}.Shell"));

    [Fact]
    public void No_room_is_a_drawer_for_everything()
    {
        string[] drawers = ["Utils", "Utilities", "Helpers", "Common", "Services", "Managers"];
        new[] { Web, Model, Types.InAssembly(typeof(ArchitectureTests).Assembly) }.SelectMany(types => types.GetTypes())
            .Where(type => type.Namespace?.Split('.').Intersect(drawers).Any() == true && type.Namespace.StartsWith("Annotator", StringComparison.Ordinal))
            .Select(type => type.FullName).ShouldBeEmpty();
    }

    private static PredicateList In(params string[] rooms) =>
        Web.That().ResideInNamespaceMatching($@"^Annotator\.Web\.({string.Join('|', rooms)})(\.|$)");

    private static void ShouldHold(ConditionList rule) => rule.GetResult().FailingTypeNames.OrEmpty().ShouldBeEmpty();
}

file static class Names
{
    public static IEnumerable<string> OrEmpty(this IEnumerable<string>? names) => names ?? [];
}
