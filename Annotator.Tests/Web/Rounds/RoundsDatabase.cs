using System.Text;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Live;
using Annotator.Web.Policies;
using Annotator.Web.Rounds;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Rounds;

/// <summary>A real data folder with one study, its policy 0 in the registry, an admin and annotators; and the rounds over it.</summary>
public sealed class RoundsDatabase : IDbContextFactory<AnnotatorDbContext>, IAsyncDisposable
{
    private static readonly DateTime Made = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private readonly string root = Directory.CreateTempSubdirectory("annotator-rounds-").FullName;
    private readonly WriteGate gate = new();
    private readonly List<RoundRunner> runners = [];

    private RoundsDatabase() => Folder = new DataFolder(root);

    public DataFolder Folder { get; }
    public LiveFeed Feed { get; } = new(NullLogger<LiveFeed>.Instance);
    public long StudyId { get; private set; }
    public CurrentPerson Admin { get; } = new("admin", "ada", IsAdmin: true, IsAnnotator: true);
    public CurrentPerson Annotator { get; } = new("annotator-1", "ben", IsAdmin: false, IsAnnotator: true);
    public PolicyRegistry Registry => new(Folder);
    public RoundSnapshot Snapshot => new(this);
    public RoundReader Reader => new(this, Folder);

    /// <param name="policy">The directory of policy 0; null = one that looks like a policy but can't be opened.</param>
    public static async Task<RoundsDatabase> CreateAsync(string? policy = null)
    {
        var made = new RoundsDatabase();
        made.Folder.Prepare();
        await using var db = made.CreateDbContext();
        await db.Database.MigrateAsync();
        var study = new Study { Name = "Film reviews", Guidelines = "", Sampling = new(), CreatedAt = Made };
        db.Studies.Add(study);
        foreach (var id in (string[])["admin", "annotator-1", "annotator-2"])
        {
            db.Users.Add(new Person { Id = id, UserName = $"name of {id}", Pseudonym = $"pseudonym of {id}", CreatedAt = Made });
        }

        await db.SaveChangesAsync();
        made.StudyId = study.Id;
        var hash = await made.Registry.ImportAsync(policy ?? WriteShell(Path.Combine(made.root, "import"), 0));
        await new PolicyLine(made, made.gate, made.Feed, TimeProvider.System, EnglishWords.All).PublishAsync(study.Id, hash);
        return made;
    }

    /// <summary>The files of a policy, sound from outside but with nothing in them.</summary>
    public static string WriteShell(string directory, byte content)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "config.json"), """{"model_type":"gpt2"}""");
        File.WriteAllText(Path.Combine(directory, "vocab.json"), "{}");
        File.WriteAllText(Path.Combine(directory, "merges.txt"), "#version: 0.2\n");
        var header = Encoding.UTF8.GetBytes("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""");
        File.WriteAllBytes(Path.Combine(directory, "model.safetensors"), [.. BitConverter.GetBytes((ulong)header.Length), .. header, content, 0, 0, 0]);
        return directory;
    }

    public AnnotatorDbContext CreateDbContext() => new(new DbContextOptionsBuilder<AnnotatorDbContext>()
        .UseSqlite($"Data Source={Folder.Database};Default Timeout=30")
        .AddInterceptors(new SqliteSettings())
        .Options);

    /// <summary>The parts of the app that rounds need, around a trainer of the test's own. Start the runner to have it work.</summary>
    public (RoundRunner Runner, RoundOperations Operations) Rounds(ITrainer trainer)
    {
        var conclusion = new RoundConclusion(
            this, Registry, new PolicyLine(this, gate, Feed, TimeProvider.System, EnglishWords.All), Folder, Feed, TimeProvider.System, NullLogger<RoundConclusion>.Instance);
        var runner = new RoundRunner(
            this, new RoundPreparation(this, Snapshot, Folder, EnglishWords.All), conclusion, trainer, Folder, Feed, TimeProvider.System, NullLogger<RoundRunner>.Instance);
        runners.Add(runner);
        return (runner, new RoundOperations(this, Snapshot, runner, Folder, Feed, TimeProvider.System, EnglishWords.All));
    }

    /// <summary>A comparison of two responses of policy 0, to a prompt of its own unless the text is one that is there.</summary>
    public async Task<long> AddComparisonAsync(
        string prompt, string first = " first", string second = " second", PromptSplit split = PromptSplit.Train,
        ComparisonPurpose purpose = ComparisonPurpose.Train, int[]? promptTokens = null)
    {
        await using var db = CreateDbContext();
        var policy = await db.Policies.FirstAsync();
        var asked = await db.Prompts.FirstOrDefaultAsync(p => p.Text == prompt)
            ?? new Prompt { StudyId = StudyId, Text = prompt, Split = split, CreatedAt = Made };
        var comparison = new Comparison { StudyId = StudyId, Prompt = asked, PolicyId = policy.Id, Purpose = purpose, QueueOrder = 0, CreatedAt = Made };
        foreach (var (position, text) in new[] { first, second }.Index())
        {
            comparison.Responses.Add(new()
            {
                Position = position,
                Response = new()
                {
                    Prompt = asked, PolicyId = policy.Id, Text = text, Sampling = new() { Temperature = 0.9 }, Seed = 7 + position,
                    TokenIds = promptTokens is null ? null : [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b), 256],
                    PromptTokenIds = promptTokens, LogProbability = promptTokens is null ? null : -12.5, FinishReason = "stop", CreatedAt = Made,
                },
            });
        }

        db.Comparisons.Add(comparison);
        await db.SaveChangesAsync();
        return comparison.Id;
    }

    /// <summary>Prompts, comparisons and judgments that prefer the first response, so many that rounds have something to do.</summary>
    public async Task AddPreferencesAsync(int count, int from = 0)
    {
        foreach (var i in Enumerable.Range(from, count))
        {
            var text = $"Film {i}";
            await JudgeAsync(await AddComparisonAsync(text, " is good", " is bad", promptTokens: [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b)]));
        }
    }

    /// <summary>A judgment as the desk would write it; without a ranking or verdict, the first response is preferred.</summary>
    public async Task<long> JudgeAsync(
        long comparisonId, int[][]? ranking = null, Verdict verdict = Verdict.Ranked, string annotator = "annotator-1", long? supersedes = null, SkipReason? skip = null,
        string? comment = null, int? strength = null)
    {
        await using var db = CreateDbContext();
        if (supersedes is { } earlier)
        {
            (await db.Judgments.SingleAsync(j => j.Id == earlier)).IsSuperseded = true;
            await db.SaveChangesAsync();
        }

        var comparison = await db.Comparisons.AsNoTracking().SingleAsync(c => c.Id == comparisonId);
        var judgment = new Judgment
        {
            ComparisonId = comparisonId, StudyId = comparison.StudyId, PolicyId = comparison.PolicyId, PromptId = comparison.PromptId, AnnotatorId = annotator, Verdict = verdict, Ranking = verdict == Verdict.Ranked ? ranking ?? [[0], [1]] : null,
            Strength = strength, SkipReason = skip, Comment = comment, SidesShown = [1, 0], Seconds = 3.25, GuidelinesVersion = 2, SupersedesId = supersedes,
            RequestId = Guid.NewGuid(), CreatedAt = Made,
        };
        db.Judgments.Add(judgment);
        await db.SaveChangesAsync();
        return judgment.Id;
    }

    public RoundRequest Request => new() { StudyId = StudyId, Options = RoundOptions.AppDefaults("policy", "reference") };

    public async Task<Round> RoundAsync(long id)
    {
        await using var db = CreateDbContext();
        return await db.Rounds.AsNoTracking().Include(r => r.ResultPolicy).SingleAsync(r => r.Id == id);
    }

    public Task UntilStateAsync(long roundId, RoundState state) =>
        Fixtures.Until.TrueAsync(async () => (await RoundAsync(roundId)).State == state, what: $"round {roundId} is {state}");

    public async ValueTask DisposeAsync()
    {
        foreach (var runner in runners)
        {
            await runner.StopAsync(CancellationToken.None);
            runner.Dispose();
        }

        await using (var db = CreateDbContext())
        {
            // Not all pools: tests of other classes are at work beside this one.
            SqliteConnection.ClearPool((SqliteConnection)db.Database.GetDbConnection());
        }

        gate.Dispose();
        Directory.Delete(root, recursive: true);
    }
}

/// <summary>A trainer that does in a moment what the test says. What it is told is recorded.</summary>
public sealed class ScriptedTrainer(Func<RoundDirectory, CancellationToken, Task<TrainerOutcome>> act) : ITrainer
{
    private int atOnce;

    /// <summary>The directories' names in the order they came, with a * where it was told to go on from a checkpoint.</summary>
    public List<string> Runs { get; } = [];

    public int MostAtOnce { get; private set; }

    public async Task<TrainerOutcome> RunAsync(string roundDirectory, bool fromCheckpoint, Action<RoundMetrics> onMetrics, CancellationToken cancellation)
    {
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref atOnce));
        Runs.Add(Path.GetFileName(roundDirectory) + (fromCheckpoint ? "*" : ""));
        try
        {
            onMetrics(new RoundMetrics { Step = 0, MaxSteps = 2, Loss = 0.6931 });
            return await act(new RoundDirectory(roundDirectory), cancellation);
        }
        finally
        {
            Interlocked.Decrement(ref atOnce);
        }
    }

    /// <summary>Leaves a policy and a result, as a trainer that has finished does.</summary>
    public static TrainerOutcome Succeed(RoundDirectory directory)
    {
        RoundsDatabase.WriteShell(directory.Policy, (byte)Random.Shared.Next(1, 256));
        var result = new RoundResult { Status = RoundStatus.Succeeded, Steps = 2, MaxSteps = 2, Step0Loss = 0.6931 };
        result.Write(directory.Result);
        return new TrainerOutcome.Succeeded(result);
    }
}
