using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Annotator.Web.Live;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Annotating;

/// <summary>
/// A real SQLite file with one study, policies, prompts and a clock that the test moves. The key of the sides and the ids of
/// people are the same in every run, and so is what the queue decides by them: no test fails by bad luck.
/// </summary>
public sealed class DeskDatabase : IDbContextFactory<AnnotatorDbContext>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("annotator-desk-").FullName;
    private readonly DbContextOptions<AnnotatorDbContext> options;

    public DeskDatabase()
    {
        options = new DbContextOptionsBuilder<AnnotatorDbContext>()
            .UseSqlite($"Data Source={Folder.Database};Default Timeout=30")
            .AddInterceptors(new SqliteSettings())
            .Options;
        using var db = CreateDbContext();
        db.Database.EnsureCreated();
        db.Database.ExecuteSqlRaw("PRAGMA journal_mode=WAL");
        StudyId = db.AddStudy().Id;
        Directory.CreateDirectory(Folder.Keys);
        File.WriteAllBytes(Path.Combine(Folder.Keys, "sides.key"), new byte[32]);
        Desk = NewDesk();
    }

    public WriteGate Gate { get; } = new();
    public MovableClock Clock { get; } = new();
    public LiveFeed Feed { get; } = new(NullLogger<LiveFeed>.Instance);
    public DataFolder Folder => new(folder);
    public long StudyId { get; }
    public Desk Desk { get; }

    /// <summary>As after a restart: nothing remembered but the files.</summary>
    /// <param name="listener">Hears its commands.</param>
    public Desk NewDesk(IInterceptor? listener = null) =>
        new(listener is null ? this : new Listened(options, listener), Gate, SideOrder.FromKeyFile(Folder), NewTally(), Feed, Clock, EnglishWords.All);

    public EvaluationTally NewTally() => new(this, Feed, NullLogger<EvaluationTally>.Instance);

    public AnnotatorDbContext CreateDbContext() => new(options);

    public Policy AddPolicy()
    {
        using var db = CreateDbContext();
        return db.AddPolicy(StudyId);
    }

    /// <summary>Changes what the study asks; comparisons that are added from then on follow it.</summary>
    public void Ask(Func<StudyTask, StudyTask> change)
    {
        using var db = CreateDbContext();
        var study = db.Studies.Single(s => s.Id == StudyId);
        study.Task = change(study.Task);
        db.SaveChanges();
    }

    /// <summary>From now on so many of what is handed out are comparisons between two policies.</summary>
    public void Evaluate(double share)
    {
        using var db = CreateDbContext();
        var study = db.Studies.Single(s => s.Id == StudyId);
        study.Evaluation = study.Evaluation with { Share = share };
        db.SaveChanges();
    }

    public Prompt AddPrompt(string text, int priority = 0)
    {
        using var db = CreateDbContext();
        var prompt = new Prompt { StudyId = StudyId, Text = text, Priority = priority, CreatedAt = Clock.Now };
        db.Prompts.Add(prompt);
        db.SaveChanges();
        return prompt;
    }

    /// <summary>A comparison of responses by the newest policy, to a prompt of its own unless one is given.</summary>
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
        var person = new Person { Id = $"id of {name}", UserName = name, Pseudonym = $"annotator-{name}", CreatedAt = Clock.Now };
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

    private sealed class Listened(DbContextOptions<AnnotatorDbContext> options, IInterceptor listener) : IDbContextFactory<AnnotatorDbContext>
    {
        private readonly DbContextOptions<AnnotatorDbContext> listened =
            new DbContextOptionsBuilder<AnnotatorDbContext>(options).AddInterceptors(listener).Options;

        public AnnotatorDbContext CreateDbContext() => new(listened);
    }

    public void Dispose()
    {
        using (var db = CreateDbContext())
        {
            // Not all pools: tests of other classes are at work beside this one.
            SqliteConnection.ClearPool((SqliteConnection)db.Database.GetDbConnection());
        }

        Gate.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}

/// <summary>A clock that stands still until it is told, and then sets off the timers that are due.</summary>
public sealed class MovableClock : TimeProvider
{
    private readonly Lock @lock = new();
    private readonly List<Timer> timers = [];
    private DateTimeOffset now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public DateTime Now => now.UtcDateTime;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Move(TimeSpan by)
    {
        List<Timer> due;
        lock (@lock)
        {
            now += by;
            due = timers.FindAll(timer => timer.DueAt <= now);
            due.ForEach(timer => timer.DueAt = timer.Period > TimeSpan.Zero ? now + timer.Period : null);
        }

        due.ForEach(timer => timer.Fire());
    }

    public override DateTimeOffset GetUtcNow() => now;

    public override long GetTimestamp() => now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(MovableClock clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset? DueAt { get; set; }
        public TimeSpan Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock.@lock)
            {
                DueAt = dueTime == Timeout.InfiniteTimeSpan ? null : clock.now + dueTime;
                Period = period;
                clock.timers.Remove(this);
                clock.timers.Add(this);
            }

            return true;
        }

        public void Dispose()
        {
            lock (clock.@lock)
            {
                clock.timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
