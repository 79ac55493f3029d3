using System.Text.Json;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Annotator.Web.Data;

/// <summary>The database: the truth about people, studies, judgments and rounds. One context per operation, from the factory.</summary>
public sealed class AnnotatorDbContext(DbContextOptions<AnnotatorDbContext> options) : IdentityDbContext<Person>(options)
{
    public DbSet<Study> Studies => Set<Study>();
    public DbSet<Prompt> Prompts => Set<Prompt>();
    public DbSet<Policy> Policies => Set<Policy>();
    public DbSet<Response> Responses => Set<Response>();
    public DbSet<Comparison> Comparisons => Set<Comparison>();
    public DbSet<ComparisonResponse> ComparisonResponses => Set<ComparisonResponse>();
    public DbSet<Judgment> Judgments => Set<Judgment>();
    public DbSet<Round> Rounds => Set<Round>();
    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        base.OnModelCreating(builder);

        builder.Entity<Person>().HasIndex(p => p.Pseudonym).IsUnique();
        builder.Entity<IdentityRole>().HasData(Role("1", Data.Roles.Admin), Role("2", Data.Roles.Annotator));

        builder.Entity<Study>(study =>
        {
            study.ComplexProperty(s => s.Sampling);
            study.HasOne(s => s.CurrentPolicy).WithMany().HasForeignKey(s => s.CurrentPolicyId).OnDelete(DeleteBehavior.Restrict);
        });

        builder.Entity<Policy>(policy =>
        {
            policy.HasIndex(p => new { p.StudyId, p.Number }).IsUnique();
            policy.HasOne(p => p.Study).WithMany().HasForeignKey(p => p.StudyId);
            policy.HasOne(p => p.Parent).WithMany().HasForeignKey(p => p.ParentId).OnDelete(DeleteBehavior.Restrict);
        });

        builder.Entity<Response>(response =>
        {
            response.ComplexProperty(r => r.Sampling);
            response.HasIndex(r => new { r.PolicyId, r.PromptId });
        });

        builder.Entity<Comparison>(comparison =>
        {
            // The desk's "next" walks this index, newest policy first, and stops at the first that is free.
            comparison.HasIndex(c => new { c.StudyId, c.RetiredAt, c.JudgmentCount, c.PolicyId }).IsDescending(false, false, false, true);
            comparison.HasIndex(c => new { c.PolicyId, c.PromptId });
            comparison.HasIndex(c => c.LeasedToId);
            comparison.HasMany(c => c.Responses).WithOne().HasForeignKey(r => r.ComparisonId);
        });

        builder.Entity<ComparisonResponse>().HasKey(r => new { r.ComparisonId, r.Position });

        builder.Entity<Judgment>(judgment =>
        {
            judgment.HasIndex(j => j.RequestId).IsUnique();
            judgment.HasIndex(j => j.SupersedesId).IsUnique();
            judgment.HasIndex(j => new { j.AnnotatorId, j.CreatedAt });
            // One current judgment an annotator and comparison, whatever two tabs do.
            judgment.HasIndex(j => new { j.ComparisonId, j.AnnotatorId }).IsUnique().HasFilter("NOT \"IsSuperseded\"");
            judgment.HasOne(j => j.Annotator).WithMany().HasForeignKey(j => j.AnnotatorId).OnDelete(DeleteBehavior.Restrict);
            judgment.HasOne(j => j.Supersedes).WithMany().HasForeignKey(j => j.SupersedesId).OnDelete(DeleteBehavior.Restrict);
            judgment.Property(j => j.Ranking).HasConversion(
                new ValueConverter<int[][]?, string?>(
                    tiers => tiers == null ? null : JsonSerializer.Serialize(tiers, JsonSerializerOptions.Default),
                    json => json == null ? null : JsonSerializer.Deserialize<int[][]>(json, JsonSerializerOptions.Default)),
                new ValueComparer<int[][]?>(
                    (a, b) => JsonSerializer.Serialize(a, JsonSerializerOptions.Default) == JsonSerializer.Serialize(b, JsonSerializerOptions.Default),
                    tiers => JsonSerializer.Serialize(tiers, JsonSerializerOptions.Default).GetHashCode(StringComparison.Ordinal),
                    tiers => tiers));
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
}
