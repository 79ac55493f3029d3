using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Annotating;

/// <summary>A real SQLite file with one study, policies, prompts and a clock that the test moves.</summary>
public sealed class DeskDatabase : IDbContextFactory<AnnotatorDbContext>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("annotator-desk-").FullName;
    private readonly WriteGate gate = new();

    public DeskDatabase()
    {
        using var db = CreateDbContext();
        db.Database.EnsureCreated();
        db.Database.ExecuteSqlRaw("PRAGMA journal_mode=WAL");
        StudyId = db.AddStudy().Id;
        Desk = NewDesk();
    }

    public MovableClock Clock { get; } = new();
    public LiveFeed Feed { get; } = new(NullLogger<LiveFeed>.Instance);
    public DataFolder Folder => new(folder);
    public long StudyId { get; }
    public Desk Desk { get; }

    /// <summary>As after a restart: nothing remembered but the files.</summary>
    public Desk NewDesk() => new(this, gate, SideOrder.FromKeyFile(Folder), Feed, Clock);

    public AnnotatorDbContext CreateDbContext() => new(new DbContextOptionsBuilder<AnnotatorDbContext>()
        .UseSqlite($"Data Source={Folder.Database};Default Timeout=30")
        .AddInterceptors(new SqliteSettings())
        .Options);

    public Policy AddPolicy()
    {
        using var db = CreateDbContext();
        return db.AddPolicy(StudyId);
    }

    public Prompt AddPrompt(string text)
    {
        using var db = CreateDbContext();
        var prompt = new Prompt { StudyId = StudyId, Text = text, CreatedAt = Clock.Now };
        db.Prompts.Add(prompt);
        db.SaveChanges();
        return prompt;
    }

    /// <summary>A comparison of two responses by the newest policy, to a prompt of its own unless one is given.</summary>
    public Comparison AddComparison(long? promptId = null, ComparisonPurpose purpose = ComparisonPurpose.Train) =>
        AddComparisons(1, promptId, purpose)[0];

    public IReadOnlyList<Comparison> AddComparisons(int count, long? promptId = null, ComparisonPurpose purpose = ComparisonPurpose.Train)
    {
        using var db = CreateDbContext();
        return db.AddComparisons(StudyId, count, promptId, purpose);
    }

    public Seat AddAnnotator(string name)
    {
        using var db = CreateDbContext();
        var person = new Person { UserName = name, Pseudonym = $"annotator-{name}", CreatedAt = Clock.Now };
        db.Users.Add(person);
        db.SaveChanges();
        return new(new CurrentPerson(person.Id, name, IsAdmin: false, IsAnnotator: true), StudyId);
    }

    public Comparison Reread(long comparisonId)
    {
        using var db = CreateDbContext();
        return db.Comparisons.AsNoTracking().Single(c => c.Id == comparisonId);
    }

    public IReadOnlyList<Judgment> Judgments()
    {
        using var db = CreateDbContext();
        return [.. db.Judgments.AsNoTracking().OrderBy(j => j.Id)];
    }

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        gate.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}

/// <summary>A clock that stands still until it is told.</summary>
public sealed class MovableClock : TimeProvider
{
    private DateTimeOffset now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public DateTime Now => now.UtcDateTime;

    public void Move(TimeSpan by) => now += by;

    public override DateTimeOffset GetUtcNow() => now;
}
