using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Policies;

/// <summary>What an admin does with the line of policies.</summary>
public sealed class PolicyOperationsTests(WebApp app) : IClassFixture<WebApp>, IDisposable
{
    private readonly TemporaryDirectory folder = new();
    private TestPerson admin = null!;
    private long study;

    private PolicyOperations Operations => app.Services.GetRequiredService<PolicyOperations>();
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_roll_back_retires_what_the_newer_policy_left_unjudged_and_a_promotion_brings_it_back_to_serve()
    {
        var (first, second) = (await StudyAsync(), await PublishAsync(1));
        await using (var db = app.OpenDb())
        {
            db.AddComparisons(study, 3);
            var judged = await db.Comparisons.Where(c => c.StudyId == study).OrderBy(c => c.Id).FirstAsync(Cancellation);
            judged.JudgmentCount = 1;
            await db.SaveChangesAsync(Cancellation);
        }

        await Operations.ServeAsync(admin.Current, first.Id, Cancellation);

        await using (var db = app.OpenDb())
        {
            (await db.Studies.SingleAsync(s => s.Id == study, Cancellation)).CurrentPolicyId.ShouldBe(first.Id);
            (await db.Comparisons.Where(c => c.StudyId == study).OrderBy(c => c.Id).Select(c => c.RetiredAt != null).ToListAsync(Cancellation)).ShouldBe([false, true, true], "what was begun is finished");
        }

        await Operations.ServeAsync(admin.Current, second.Id, Cancellation);
        await Operations.ServeAsync(admin.Current, second.Id, Cancellation);

        (await AuditAsync()).ShouldBe(
        [
            $"policy.rollback: {admin.UserName} rolled Film reviews back to policy 0; policy 1 served before.",
            $"policy.promote: {admin.UserName} promoted policy 1 of Film reviews; policy 0 served before.",
        ]);
        await Should.ThrowAsync<NotAllowedException>(() => Operations.ServeAsync(admin.Current with { IsAdmin = false }, first.Id, Cancellation));
    }

    [Fact]
    public async Task Two_serve_until_one_is_enough_again()
    {
        var (first, second) = (await StudyAsync(), await PublishAsync(1));
        (await Should.ThrowAsync<RefusedException>(() => Operations.ServeBesideAsync(admin.Current, study, second.Id, Cancellation))).Message
            .ShouldBe("Policy 1 serves already: choose another one to serve beside it.");

        await Operations.ServeBesideAsync(admin.Current, study, first.Id, Cancellation);
        (await StudyRowAsync()).SecondPolicyId.ShouldBe(first.Id);

        // The second one promoted serves alone: nobody serves twice.
        await Operations.ServeAsync(admin.Current, first.Id, Cancellation);
        (await StudyRowAsync()).ShouldSatisfyAllConditions(s => s.CurrentPolicyId.ShouldBe(first.Id), s => s.SecondPolicyId.ShouldBeNull());
        await Operations.ServeBesideAsync(admin.Current, study, second.Id, Cancellation);
        await Operations.ServeBesideAsync(admin.Current, study, null, Cancellation);

        (await AuditAsync()).Where(line => line.StartsWith("policy.beside", StringComparison.Ordinal)).ShouldBe(
        [
            $"policy.beside: {admin.UserName} let policy 0 of Film reviews serve beside policy 1.",
            $"policy.beside: {admin.UserName} let policy 1 of Film reviews serve beside policy 0.",
            $"policy.beside: {admin.UserName} let policy 0 of Film reviews serve alone again.",
        ]);
    }

    [Fact]
    public async Task An_imported_policy_joins_the_line_without_serving_if_its_tokens_are_the_lines()
    {
        var first = await StudyAsync();
        var same = RoundsDatabase.WriteShell(folder["same"], 9);
        await File.WriteAllTextAsync(Path.Combine(same, "vocab.json"), """{"a":0,"b":1}""", Cancellation);

        var imported = await Operations.ImportDirectoryAsync(admin.Current, study, same, Cancellation);

        (imported.Number, imported.ParentId, imported.RoundId).ShouldBe((1, null, null));
        (await StudyRowAsync()).CurrentPolicyId.ShouldBe(first.Id);
        (await Should.ThrowAsync<RefusedException>(() => Operations.ImportDirectoryAsync(admin.Current, study, same, Cancellation))).Message
            .ShouldBe("This policy is in the line already: it is policy 1.");

        var other = RoundsDatabase.WriteShell(folder["other"], 9);
        await File.WriteAllTextAsync(Path.Combine(other, "vocab.json"), """{"a":0,"c":1}""", Cancellation);
        (await Should.ThrowAsync<RefusedException>(() => Operations.ImportDirectoryAsync(admin.Current, study, other, Cancellation))).Message.ShouldStartWith("This policy has other tokens");
        (await AuditAsync()).ShouldBe([$"policy.import: {admin.UserName} imported policy 1 of Film reviews from {same}."]);
    }

    [Fact]
    public async Task A_policy_whose_files_are_gone_cannot_serve()
    {
        var first = await StudyAsync();
        await PublishAsync(1);
        Directory.Delete(app.Data.Policy(first.Hash), recursive: true);

        (await Should.ThrowAsync<RefusedException>(() => Operations.ServeAsync(admin.Current, first.Id, Cancellation))).Message
            .ShouldBe("The files of policy 0 are not in the registry any more: it can't serve.");
    }

    public void Dispose() => folder.Dispose();

    /// <summary>A study of the test's own with its policy 0 in the registry.</summary>
    private async Task<Policy> StudyAsync()
    {
        admin = await app.CreateAdminAsync($"ada{Guid.NewGuid():N}");
        await using (var db = app.OpenDb())
        {
            var row = new Study { Name = "Film reviews", Guidelines = "", Sampling = new(), CreatedAt = DateTime.UtcNow };
            db.Studies.Add(row);
            await db.SaveChangesAsync(Cancellation);
            study = row.Id;
        }

        return await PublishAsync(0);
    }

    private async Task<Policy> PublishAsync(byte content)
    {
        var directory = RoundsDatabase.WriteShell(folder[$"policy-{content}"], content);
        await File.WriteAllTextAsync(Path.Combine(directory, "vocab.json"), """{"a":0,"b":1}""", Cancellation);
        return await app.PublishAsync(study, await app.Services.GetRequiredService<PolicyRegistry>().ImportAsync(directory, Cancellation));
    }

    private async Task<Study> StudyRowAsync()
    {
        await using var db = app.OpenDb();
        return await db.Studies.AsNoTracking().SingleAsync(s => s.Id == study, Cancellation);
    }

    private async Task<IReadOnlyList<string>> AuditAsync()
    {
        await using var db = app.OpenDb();
        return await db.AuditEntries.Where(a => a.PersonId == admin.Current.Id).OrderBy(a => a.Id).Select(a => $"{a.Action}: {a.Detail}").ToListAsync(Cancellation);
    }
}
