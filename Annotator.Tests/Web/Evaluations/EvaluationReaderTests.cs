using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Evaluations;

/// <summary>From judgments in the database to what the pages show, by the pages' own way.</summary>
public sealed class EvaluationReaderTests(WebApp app) : IClassFixture<WebApp>
{
    private TestPerson? admin;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_win_rate_has_Wilsons_interval_with_ties_as_halves_and_no_number_below_twenty_judgments()
    {
        var (study, policies) = await StudyAsync(policies: 3);
        await using (var db = app.OpenDb())
        {
            db.AddEvaluation(policies[1], policies[0], admin!.Current.Id, wins: 14, losses: 4, ties: 2, bothBad: 3, skipped: 5);
            db.AddEvaluation(policies[2], policies[1], admin.Current.Id, wins: 12, losses: 7);
        }

        var report = await ReadAsync(study);

        var (few, enough) = (report.Pairs[0], report.Pairs[1]);
        (enough.New, enough.Old, enough.Wins, enough.Losses, enough.Ties, enough.BothBad, enough.Judgments).ShouldBe((1, 0, 14, 4, 2, 3, 20));
        enough.WinRate.ShouldBe(0.75);
        // 15 in 20, worked by hand: (0.75 + 3.8415/40 ± 1.96 √(0.75·0.25/20 + 3.8415/1600)) / (1 + 3.8415/20).
        enough.Interval!.Value.Low.ShouldBe(0.5313, 1e-4);
        enough.Interval.Value.High.ShouldBe(0.8881, 1e-4);
        enough.LengthControlled.Rate!.Value.ShouldBe(0.75, 1e-9);
        enough.Swapped.WinRate.ShouldBe(0.25);
        (few.New, few.Judgments, few.WinRate, few.Interval).ShouldBe((2, 19, null, null));
        await Should.ThrowAsync<NotAllowedException>(() => app.Services.GetRequiredService<EvaluationReader>().ReadAsync(admin!.Current with { IsAdmin = false }, study.Id, Cancellation));
    }

    [Fact]
    public async Task Winning_by_length_alone_shows_beside_the_raw_win_rate()
    {
        var (study, policies) = await StudyAsync(policies: 2);
        await using (var db = app.OpenDb())
        {
            // Longer three times of four, and the longer one wins three times of four.
            db.AddEvaluation(policies[1], policies[0], admin!.Current.Id, wins: 45, losses: 15, longer: 12);
            db.AddEvaluation(policies[1], policies[0], admin.Current.Id, wins: 5, losses: 15, longer: -12);
        }

        var pair = (await ReadAsync(study)).Pairs.ShouldHaveSingleItem();

        pair.WinRate.ShouldBe(0.625);
        pair.LengthControlled.Rate!.Value.ShouldBe(0.5, 1e-9);
    }

    [Fact]
    public async Task Ratings_equal_the_oracles_and_where_none_exist_a_sentence_says_why()
    {
        var sentences = new List<string>();
        foreach (var expected in Oracles.Json("agreement/bradley_terry.json")["cases"]!.AsArray())
        {
            var wins = expected!["wins_row_beats_column"]!.AsArray().Select(row => row!.AsArray().Select(count => count!.GetValue<int>()).ToList()).ToList();
            var (study, policies) = await StudyAsync(policies: wins.Count);
            await using (var db = app.OpenDb())
            {
                foreach (var newer in Enumerable.Range(0, wins.Count))
                {
                    foreach (var older in Enumerable.Range(0, newer).Where(older => wins[newer][older] + wins[older][newer] > 0))
                    {
                        db.AddEvaluation(policies[newer], policies[older], admin!.Current.Id, wins[newer][older], wins[older][newer]);
                    }
                }
            }

            var report = await ReadAsync(study);
            if (!expected["mle_exists"]!.GetValue<bool>())
            {
                report.Ratings.ShouldBeEmpty();
                sentences.Add(report.NoRatings ?? "too few");
                continue;
            }

            report.NoRatings.ShouldBeNull();
            report.Ratings.Select(r => r.Rating.LogStrength).ShouldBeInOrder(SortDirection.Descending);
            foreach (var rating in report.Ratings)
            {
                rating.Rating.LogStrength.ShouldBe(expected["log_strengths_mean_zero"]![rating.Number]!.GetValue<double>(), 2e-6);
                rating.Rating.StandardError.ShouldBe(expected["std_errors_mean_zero"]![rating.Number]!.GetValue<double>(), 2e-6);
                rating.Rating.Elo.ShouldBe(expected["elo_scale_mean_zero"]![rating.Number]!.GetValue<double>(), 1e-3);
            }
        }

        sentences.Count.ShouldBeGreaterThanOrEqualTo(3);
        sentences.ShouldContain(sentence => sentence.StartsWith("Policy 2 never lost, so its strength has no upper bound:"));
        sentences.ShouldContain(sentence => sentence.StartsWith("Policies 0 and 1 never lost to the others"));
    }

    [Fact]
    public async Task Policies_that_were_never_compared_with_each_other_have_no_common_rating()
    {
        var (study, policies) = await StudyAsync(policies: 4);
        await using (var db = app.OpenDb())
        {
            db.AddEvaluation(policies[1], policies[0], admin!.Current.Id, wins: 8, losses: 5);
            db.AddEvaluation(policies[3], policies[2], admin.Current.Id, wins: 6, losses: 5);
        }

        (await ReadAsync(study)).NoRatings.ShouldStartWith("Policies 0 and 1 were never compared with the others");
    }

    [Fact]
    public async Task A_round_that_measured_its_KL_is_a_point_of_reward_against_KL()
    {
        var (study, policies) = await StudyAsync(policies: 2);
        await using (var db = app.OpenDb())
        {
            db.AddEvaluation(policies[1], policies[0], admin!.Current.Id, wins: 15, losses: 5);
            foreach (var number in new[] { 1, 2 })
            {
                db.Rounds.Add(new()
                {
                    StudyId = study.Id, Number = number, State = RoundState.Succeeded, DirectoryName = $"kl-{study.Id}-{number}", Options = "{}", Init = RoundInit.Previous,
                    Reference = RoundReference.Sft, Data = RoundData.All, ResultPolicyId = policies[1].Id, CreatedAt = DateTime.UtcNow,
                });
            }

            await db.SaveChangesAsync(Cancellation);
        }

        Directory.CreateDirectory(app.Data.Round($"kl-{study.Id}-1"));
        await File.WriteAllTextAsync(Path.Combine(app.Data.Round($"kl-{study.Id}-1"), "result.json"), """{"status":"succeeded","objective/kl":3.25}""", Cancellation);

        var point = (await ReadAsync(study)).Points.ShouldHaveSingleItem();

        (point.Round, point.Policy, point.Kl).ShouldBe((1, 1, 3.25));
        point.Rating!.LogStrength.ShouldBe(Math.Log(3) / 2, 1e-9);
    }

    private Task<EvaluationReport> ReadAsync(Study study) => app.Services.GetRequiredService<EvaluationReader>().ReadAsync(admin!.Current, study.Id, Cancellation);

    private async Task<(Study Study, IReadOnlyList<Policy> Policies)> StudyAsync(int policies)
    {
        admin ??= await app.CreateAdminAsync($"ada{Guid.NewGuid():N}");
        await using var db = app.OpenDb();
        var study = db.AddStudy();
        return (study, [db.Policies.Single(p => p.StudyId == study.Id), .. Enumerable.Range(1, policies - 1).Select(_ => db.AddPolicy(study.Id))]);
    }
}
