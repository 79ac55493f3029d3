using System.Data;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Annotator.Model.Preferences;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Annotator.Web.Data;

/// <summary>The database: the truth about people, studies, judgments and rounds. One context per operation, from the factory.</summary>
public sealed class AnnotatorDbContext(DbContextOptions<AnnotatorDbContext> options) : IdentityDbContext<Person>(options)
{
    public DbSet<Study> Studies => Set<Study>();
    public DbSet<StudyMember> StudyMembers => Set<StudyMember>();
    public DbSet<Prompt> Prompts => Set<Prompt>();
    public DbSet<Policy> Policies => Set<Policy>();
    public DbSet<Response> Responses => Set<Response>();
    public DbSet<ReferenceLogProbability> ReferenceLogProbabilities => Set<ReferenceLogProbability>();
    public DbSet<Comparison> Comparisons => Set<Comparison>();
    public DbSet<ComparisonResponse> ComparisonResponses => Set<ComparisonResponse>();
    public DbSet<Judgment> Judgments => Set<Judgment>();
    public DbSet<Lease> Leases => Set<Lease>();
    public DbSet<SeenStretch> SeenStretches => Set<SeenStretch>();
    public DbSet<Draft> Drafts => Set<Draft>();
    public DbSet<Round> Rounds => Set<Round>();
    public DbSet<Import> Imports => Set<Import>();
    public DbSet<LeftOutAnnotator> LeftOutAnnotators => Set<LeftOutAnnotator>();
    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();
    public DbSet<AccountLink> AccountLinks => Set<AccountLink>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<IdempotentRequest> IdempotentRequests => Set<IdempotentRequest>();
    public DbSet<Webhook> Webhooks => Set<Webhook>();
    public DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();
    public DbSet<WebhookMark> WebhookMarks => Set<WebhookMark>();

    /// <summary>Saves within a transaction of the caller's that ends with any failure: a savepoint would cost another command.</summary>
    public Task<int> SaveWithoutSavepointAsync(CancellationToken cancel = default)
    {
        Database.AutoSavepointsEnabled = false;
        return SaveChangesAsync(cancel);
    }

    /// <summary>
    /// Until it is disposed, everything is read as it is now. It is deferred, which is what SQLite's provider makes of this
    /// level: it takes no lock, and nobody who writes waits for it.
    /// </summary>
    public Task<IDbContextTransaction> ReadOneMomentAsync(CancellationToken cancellation = default) => Database.BeginTransactionAsync(IsolationLevel.ReadUncommitted, cancellation);

    public override int SaveChanges(bool acceptAllChangesOnSuccess)
    {
        SayWhereFrom();
        var (opened, judged) = (Opened(), Judged());
        var saved = base.SaveChanges(acceptAllChangesOnSuccess);
        opened.ForEach(comparison => Database.ExecuteSql(CutStretches(comparison)));
        if (judged.Count > 0)
        {
            Database.ExecuteSql(Summarize(judged));
        }

        return saved;
    }

    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        SayWhereFrom();
        var (opened, judged) = (Opened(), Judged());
        var saved = await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        foreach (var comparison in opened)
        {
            await Database.ExecuteSqlAsync(CutStretches(comparison), cancellationToken);
        }

        if (judged.Count > 0)
        {
            await Database.ExecuteSqlAsync(Summarize(judged), cancellationToken);
        }

        return saved;
    }

    private void SayWhereFrom()
    {
        foreach (var entry in ChangeTracker.Entries<AuditEntry>().Where(entry => entry.State == EntityState.Added))
        {
            (entry.Entity.Address, entry.Entity.ApiKeyId) = (RequestOrigin.Current?.Address, RequestOrigin.Current?.ApiKeyId);
        }
    }

    /// <summary>The comparisons that somebody may find with this save who might not have before: new ones, with a place more, off a desk.</summary>
    private List<Comparison> Opened() =>
    [
        .. ChangeTracker.Entries<Comparison>()
            .Where(entry => entry.Entity.Purpose == ComparisonPurpose.Train
                && ((entry.State == EntityState.Added && entry.Entity is { RetiredAt: null, OpenPlaces: > 0 })
                    || (entry.State == EntityState.Modified && entry.Entity.OpenPlaces > entry.OriginalValues.GetValue<int>(nameof(Comparison.OpenPlaces)))))
            .Select(entry => entry.Entity)
            .Union(ChangeTracker.Entries<Lease>().Where(entry => entry.State == EntityState.Deleted).Select(entry => entry.Entity.Comparison).OfType<Comparison>()),
    ];

    /// <summary>Whoever has not judged it finds it again: <see cref="SeenStretch"/>.</summary>
    private static FormattableString CutStretches(Comparison opened) => $"""
        INSERT INTO SeenStretches (StudyId, AnnotatorId, FirstOrder, LastOrder)
        SELECT s.StudyId, s.AnnotatorId, {opened.QueueOrder + 1}, s.LastOrder FROM SeenStretches s
        WHERE s.StudyId = {opened.StudyId} AND s.FirstOrder <= {opened.QueueOrder} AND s.LastOrder > {opened.QueueOrder}
          AND NOT EXISTS (SELECT 1 FROM Judgments j WHERE j.AnnotatorId = s.AnnotatorId AND j.PolicyId = {opened.PolicyId} AND j.PromptId = {opened.PromptId}
            AND NOT j.IsSuperseded AND j.Verdict <> {(int)Verdict.Withdrawn});
        UPDATE SeenStretches AS s SET LastOrder = {opened.QueueOrder - 1}
        WHERE s.StudyId = {opened.StudyId} AND s.FirstOrder <= {opened.QueueOrder} AND s.LastOrder >= {opened.QueueOrder}
          AND NOT EXISTS (SELECT 1 FROM Judgments j WHERE j.AnnotatorId = s.AnnotatorId AND j.PolicyId = {opened.PolicyId} AND j.PromptId = {opened.PromptId}
            AND NOT j.IsSuperseded AND j.Verdict <> {(int)Verdict.Withdrawn});
        """;

    /// <summary>The judgments that this save adds or changes; those of an import belong to no study yet and are looked at when it ends.</summary>
    private List<Judgment> Judged() =>
        [.. ChangeTracker.Entries<Judgment>().Where(entry => entry.State is EntityState.Added or EntityState.Modified && entry.Entity.StudyId > 0).Select(entry => entry.Entity)];

    private static FormattableString Summarize(List<Judgment> judged) =>
        Summarize("SELECT value FROM json_each({0})", JsonSerializer.Serialize(judged.Select(judgment => judgment.ComparisonId)));

    /// <summary>Sets what comparisons say of their judgments: <see cref="Comparison.LastJudgmentId"/> and <see cref="Comparison.Agreement"/>.</summary>
    /// <param name="comparisons">A query for their ids, of this code's own words, with a place for the argument.</param>
    internal static FormattableString Summarize(string comparisons, object argument) => FormattableStringFactory.Create($"""
        UPDATE Comparisons AS c SET
          LastJudgmentId = (SELECT max(j.Id) FROM Judgments j WHERE j.ComparisonId = c.Id AND NOT j.IsSuperseded AND j.Verdict <> {(int)Verdict.Withdrawn}),
          Agreement = CASE
            WHEN EXISTS (SELECT 1 FROM Judgments j WHERE j.ComparisonId = c.Id AND NOT j.IsSuperseded AND j.Origin = {(int)JudgmentOrigin.Adjudication} AND j.Verdict <> {(int)Verdict.Withdrawn})
            THEN {(int)ComparisonAgreement.Adjudicated}
            ELSE (SELECT CASE WHEN count(*) < 2 THEN {(int)ComparisonAgreement.Unknown}
                WHEN count(DISTINCT CASE WHEN json_array_length(j.Ranking) = 1 THEN 'tie' ELSE j.Verdict || coalesce(j.Ranking, '') END) = 1 THEN {(int)ComparisonAgreement.Agreed}
                ELSE {(int)ComparisonAgreement.Contested} END
              FROM Judgments j WHERE j.ComparisonId = c.Id AND NOT j.IsSuperseded AND j.Origin = {(int)JudgmentOrigin.Queue}
                AND j.Verdict NOT IN ({(int)Verdict.Skipped}, {(int)Verdict.Withdrawn})) END
        WHERE c.Id IN ({comparisons})
        """, argument);

    protected override void OnModelCreating(ModelBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        base.OnModelCreating(builder);

        builder.Entity<Person>().HasIndex(p => p.Pseudonym).IsUnique();
        builder.Entity<IdentityRole>().HasData(Role("1", Data.Roles.Admin), Role("2", Data.Roles.Annotator), Role("3", Data.Roles.Viewer));

        builder.Entity<AccountLink>(link =>
        {
            link.HasIndex(l => l.TokenHash).IsUnique();
            link.HasOne(l => l.Person).WithMany().HasForeignKey(l => l.PersonId);
            link.HasOne(l => l.CreatedBy).WithMany().HasForeignKey(l => l.CreatedById).OnDelete(DeleteBehavior.Restrict);
        });

        builder.Entity<Study>(study =>
        {
            study.ComplexProperty(s => s.Sampling);
            study.ComplexProperty(s => s.Task, task => AsJson(task.Property(t => t.ReasonChips)));
            study.ComplexProperty(s => s.Evaluation);
            study.HasOne(s => s.SecondPolicy).WithMany().HasForeignKey(s => s.SecondPolicyId).OnDelete(DeleteBehavior.Restrict);
            study.HasOne(s => s.CurrentPolicy).WithMany().HasForeignKey(s => s.CurrentPolicyId).OnDelete(DeleteBehavior.Restrict);
        });

        builder.Entity<StudyMember>(member =>
        {
            member.HasKey(m => new { m.StudyId, m.PersonId });
            member.HasOne<Study>().WithMany().HasForeignKey(m => m.StudyId);
            member.HasOne<Person>().WithMany().HasForeignKey(m => m.PersonId);
        });

        builder.Entity<Policy>(policy =>
        {
            policy.HasIndex(p => new { p.StudyId, p.Number }).IsUnique();
            policy.HasOne(p => p.Study).WithMany().HasForeignKey(p => p.StudyId);
            policy.HasOne(p => p.Parent).WithMany().HasForeignKey(p => p.ParentId).OnDelete(DeleteBehavior.Restrict);
        });

        AsJson(builder.Entity<Prompt>().Property(p => p.Messages));

        builder.Entity<Response>(response =>
        {
            response.ComplexProperty(r => r.Sampling);
            AsNumbers(response.Property(r => r.TokenIds));
            AsNumbers(response.Property(r => r.PromptTokenIds));
            response.HasIndex(r => new { r.PolicyId, r.PromptId });
            response.HasOne(r => r.Author).WithMany().HasForeignKey(r => r.AuthorId).OnDelete(DeleteBehavior.Restrict);
            response.HasOne(r => r.EditedFrom).WithMany().HasForeignKey(r => r.EditedFromId).OnDelete(DeleteBehavior.Restrict);
        });

        builder.Entity<ReferenceLogProbability>().HasKey(r => new { r.ResponseId, r.PolicyHash });

        builder.Entity<Comparison>(comparison =>
        {
            // What the queue hands out, in its order. The filters are in the words of the queries, or SQLite would not take them.
            comparison.HasIndex(c => new { c.StudyId, c.QueueOrder }, "IX_Comparisons_Open")
                .HasFilter("\"Purpose\" = 0 AND \"RetiredAt\" IS NULL AND \"OpenPlaces\" > 0");
            comparison.HasIndex(c => new { c.StudyId, c.QueueOrder }, "IX_Comparisons_Gold").HasFilter("\"Purpose\" = 2 AND \"RetiredAt\" IS NULL");
            comparison.HasIndex(c => new { c.StudyId, c.QueueOrder }, "IX_Comparisons_EvaluationOpen")
                .HasFilter("\"Purpose\" = 1 AND \"RetiredAt\" IS NULL AND \"OpenPlaces\" > 0");
            // All of them: win rates and ratings.
            comparison.HasIndex(c => new { c.StudyId, c.PolicyId }, "IX_Comparisons_Evaluation").HasFilter("\"Purpose\" = 1");
            comparison.HasIndex(c => new { c.PolicyId, c.PromptId });
            // What was judged, the newest first: of a study, of those that agree or do not, of a policy.
            comparison.HasIndex(c => new { c.StudyId, c.LastJudgmentId }).HasFilter("\"LastJudgmentId\" IS NOT NULL");
            comparison.HasIndex(c => new { c.StudyId, c.Agreement, c.LastJudgmentId }).HasFilter("\"LastJudgmentId\" IS NOT NULL");
            comparison.HasIndex(c => new { c.PolicyId, c.LastJudgmentId }).HasFilter("\"LastJudgmentId\" IS NOT NULL");
            AsTiers(comparison.Property(c => c.GoldRanking));
            comparison.HasMany(c => c.Responses).WithOne().HasForeignKey(r => r.ComparisonId);
        });

        builder.Entity<ComparisonResponse>().HasKey(r => new { r.ComparisonId, r.Position });

        builder.Entity<Judgment>(judgment =>
        {
            judgment.HasIndex(j => j.RequestId).IsUnique();
            judgment.HasIndex(j => j.SupersedesId).IsUnique();
            // An annotator's own: history, undo and progress read it, and so does the list of people. It has the filter's own column,
            // or SQLite would look each row up for it.
            judgment.HasIndex(j => new { j.AnnotatorId, j.StudyId, j.CreatedAt, j.Verdict, j.Origin, j.IsSuperseded }).HasFilter("NOT \"IsSuperseded\"");
            // The prompts that an annotator has seen under a policy: the queue steps over them.
            judgment.HasIndex(j => new { j.AnnotatorId, j.PolicyId, j.PromptId }).HasFilter("NOT \"IsSuperseded\"");
            // One current judgment an annotator and comparison (and one repeat), whatever two tabs do.
            judgment.HasIndex(j => new { j.ComparisonId, j.AnnotatorId, j.Origin }).IsUnique().HasFilter("NOT \"IsSuperseded\"");
            judgment.HasIndex(j => j.StudyId);
            // How many in a stretch of time; in the words of the queries, as above.
            judgment.HasIndex(j => new { j.StudyId, j.CreatedAt }).HasFilter("NOT \"IsSuperseded\" AND \"Verdict\" <> 3 AND \"Origin\" <> 2");
            judgment.HasIndex(j => j.ComparisonId);
            judgment.HasOne(j => j.Annotator).WithMany().HasForeignKey(j => j.AnnotatorId).OnDelete(DeleteBehavior.Restrict);
            judgment.HasOne(j => j.Supersedes).WithMany().HasForeignKey(j => j.SupersedesId).OnDelete(DeleteBehavior.Restrict);
            judgment.HasOne(j => j.GivenWith).WithMany().HasForeignKey(j => j.GivenWithId).OnDelete(DeleteBehavior.Restrict);
            AsTiers(judgment.Property(j => j.Ranking));
            AsNumbers(judgment.Property(j => j.SidesShown));
            AsJson(judgment.Property(j => j.Reasons));
            AsJson(judgment.Property(j => j.Flags));
            AsJson(judgment.Property(j => j.Source));
        });

        builder.Entity<LeftOutAnnotator>(leftOut =>
        {
            leftOut.HasKey(l => new { l.StudyId, l.AnnotatorId });
            leftOut.HasOne<Study>().WithMany().HasForeignKey(l => l.StudyId);
            leftOut.HasOne<Person>().WithMany().HasForeignKey(l => l.AnnotatorId);
        });

        builder.Entity<Import>().HasOne(i => i.StartedBy).WithMany().HasForeignKey(i => i.StartedById).OnDelete(DeleteBehavior.Restrict);

        builder.Entity<Lease>(lease =>
        {
            lease.HasKey(l => new { l.ComparisonId, l.AnnotatorId });
            lease.HasIndex(l => new { l.AnnotatorId, l.StudyId, l.ExpiresAt });
            lease.HasIndex(l => l.ExpiresAt);
        });

        builder.Entity<SeenStretch>(stretch =>
        {
            stretch.HasKey(s => new { s.StudyId, s.AnnotatorId, s.FirstOrder });
            stretch.HasOne<Study>().WithMany().HasForeignKey(s => s.StudyId);
            stretch.HasOne<Person>().WithMany().HasForeignKey(s => s.AnnotatorId);
        });

        builder.Entity<Draft>(draft =>
        {
            draft.HasKey(d => new { d.AnnotatorId, d.ComparisonId });
            draft.HasIndex(d => new { d.AnnotatorId, d.UpdatedAt });
        });

        builder.Entity<AuditEntry>(audit =>
        {
            audit.HasIndex(a => new { a.PersonId, a.Id });
            audit.HasIndex(a => new { a.Action, a.Id });
        });

        builder.Entity<ApiKey>(key =>
        {
            key.HasIndex(k => k.Hash).IsUnique();
            key.HasOne(k => k.Person).WithMany().HasForeignKey(k => k.PersonId);
        });

        builder.Entity<IdempotentRequest>(request =>
        {
            request.HasKey(r => new { r.ApiKeyId, r.Key });
            request.HasIndex(r => r.CreatedAt);
            request.HasOne<ApiKey>().WithMany().HasForeignKey(r => r.ApiKeyId);
        });

        builder.Entity<WebhookDelivery>(delivery =>
        {
            delivery.HasIndex(d => d.NextAttemptAt).HasFilter("\"NextAttemptAt\" IS NOT NULL");
            delivery.HasIndex(d => new { d.WebhookId, d.Id });
        });

        builder.Entity<WebhookMark>(mark =>
        {
            mark.HasKey(m => m.StudyId);
            mark.HasOne<Study>().WithOne().HasForeignKey<WebhookMark>(m => m.StudyId);
        });

        builder.Entity<Round>(round =>
        {
            round.HasIndex(r => new { r.StudyId, r.Number }).IsUnique();
            round.HasIndex(r => r.State);
            round.HasOne(r => r.InitPolicy).WithMany().HasForeignKey(r => r.InitPolicyId).OnDelete(DeleteBehavior.Restrict);
            round.HasOne(r => r.ResultPolicy).WithMany().HasForeignKey(r => r.ResultPolicyId).OnDelete(DeleteBehavior.Restrict);
            round.HasOne(r => r.StartedBy).WithMany().HasForeignKey(r => r.StartedById).OnDelete(DeleteBehavior.Restrict);
        });
    }

    /// <summary>A value that is read and written whole, as JSON text.</summary>
    private static void AsJson<T>(PropertyBuilder<T> property) => property.HasConversion(new JsonConverter<T>(), new JsonComparer<T>());

    /// <inheritdoc cref="AsJson{T}(PropertyBuilder{T})"/>
    private static void AsJson<T>(ComplexTypePropertyBuilder<T> property) => property.HasConversion(new JsonConverter<T>(), new JsonComparer<T>());

    private static void AsNumbers(PropertyBuilder property) => property.HasConversion(new NumbersAsJson.ListConverter(), new NumbersAsJson.ListComparer());

    private static void AsTiers(PropertyBuilder property) => property.HasConversion(new NumbersAsJson.ListsConverter(), new JsonComparer<int[][]>());

    private static IdentityRole Role(string id, string name) =>
        new(name) { Id = id, NormalizedName = name.ToUpperInvariant(), ConcurrencyStamp = id };

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);
        // SQLite gives times back without a kind: all of ours are UTC.
        configurationBuilder.Properties<DateTime>().HaveConversion<UtcConverter>();
        configurationBuilder.Properties<DateTime?>().HaveConversion<UtcConverter>();
    }

    private sealed class UtcConverter() : ValueConverter<DateTime, DateTime>(
        time => time, time => DateTime.SpecifyKind(time, DateTimeKind.Utc));

    private sealed class JsonConverter<T>() : ValueConverter<T, string>(
        value => JsonSerializer.Serialize(value, JsonSerializerOptions.Web), text => JsonSerializer.Deserialize<T>(text, JsonSerializerOptions.Web)!);

    private sealed class JsonComparer<T>() : ValueComparer<T>(
        (a, b) => JsonSerializer.Serialize(a, JsonSerializerOptions.Web) == JsonSerializer.Serialize(b, JsonSerializerOptions.Web),
        value => JsonSerializer.Serialize(value, JsonSerializerOptions.Web).GetHashCode(StringComparison.Ordinal),
        value => value);
}
