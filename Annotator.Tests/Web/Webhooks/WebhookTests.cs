using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Webhooks;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Webhooks;

public sealed class WebhookTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private WebhookOperations Webhooks => app.Services.GetRequiredService<WebhookOperations>();

    [Fact]
    public async Task A_receiver_hears_of_a_new_policy_an_ended_round_and_every_tenth_judgment_signed_with_its_secret()
    {
        var study = await app.AddStudyAsync(prompts: 1);
        await app.PublishAsync(study, "before");
        await using var receiver = await Receiver.StartAsync();
        var ada = await app.CreateAdminAsync();
        var made = await Webhooks.CreateAsync(ada.Current, new(receiver.Url.ToString(), WebhookEvents.RoundEnded | WebhookEvents.PolicyPromoted | WebhookEvents.Judgments, 10, study), Cancellation);

        await app.PublishAsync(study, "after");
        await EndARoundAsync(app, study);
        await CountToAsync(study, 9);
        await CountToAsync(study, 12);
        // An undo and the same judgment again are no news.
        await CountToAsync(study, 9);
        await CountToAsync(study, 10);

        await Until.TrueAsync(() => receiver.Messages.Count >= 3);
        var messages = receiver.Messages.Select(m => JsonNode.Parse(m.Body)!).ToList();
        messages.Select(m => m["type"]!.GetValue<string>()).ShouldBe(["policy.promoted", "round.ended", "judgments.counted"], ignoreOrder: true);
        var round = messages.Single(m => m["type"]!.GetValue<string>() == "round.ended")["data"]!;
        (round["study"]!["name"]!.GetValue<string>(), round["round"]!["state"]!.GetValue<string>()).ShouldBe(("A study", "failed"));
        messages.Single(m => m["type"]!.GetValue<string>() == "policy.promoted")["data"]!["policy"]!["hash"]!.GetValue<string>().ShouldBe("after");
        messages.Single(m => m["type"]!.GetValue<string>() == "judgments.counted")["data"]!["judgments"]!.GetValue<int>().ShouldBe(12);

        // As a receiver checks it, by hand.
        foreach (var message in receiver.Messages)
        {
            var signed = HMACSHA256.HashData(Convert.FromBase64String(made.Secret["whsec_".Length..]), Encoding.UTF8.GetBytes($"{message.Id}.{message.Timestamp}.{message.Body}"));
            message.Signature.ShouldBe($"v1,{Convert.ToBase64String(signed)}");
            DateTimeOffset.FromUnixTimeSeconds(long.Parse(message.Timestamp, CultureInfo.InvariantCulture)).ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        }

        await using var db = app.OpenDb();
        (await db.Webhooks.SingleAsync(w => w.Id == made.Id, Cancellation)).Secret.ShouldNotContain(made.Secret["whsec_".Length..]);
        await Until.TrueAsync(async () => (await Webhooks.ListAsync(ada.Current)).Single(w => w.Id == made.Id).Waiting == 0);
        (await Webhooks.DeliveriesAsync(ada.Current, made.Id, null, 10, Cancellation)).ShouldAllBe(d => d.Status == 204 && d.Attempts == 1 && d.DeliveredAt != null);
    }

    [Fact]
    public async Task What_is_not_taken_is_sent_again_later_and_more_and_more_seldom_until_it_is_given_up()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = HttpStatusCode.ServiceUnavailable;
        var grace = await app.CreateAdminAsync("grace");
        var made = await Webhooks.CreateAsync(grace.Current, new(receiver.Url.ToString(), WebhookEvents.RoundEnded), Cancellation);
        var since = DateTime.UtcNow;
        await Webhooks.PingAsync(grace.Current, made.Id, Cancellation);
        await using var db = app.OpenDb();

        for (var attempt = 1; attempt <= WebhookSender.Delays.Count + 1; attempt++)
        {
            app.Services.GetRequiredService<WebhookWatch>().Wake();
            await Until.TrueAsync(() => receiver.Messages.Count == attempt);
            await Until.TrueAsync(async () => (await Webhooks.DeliveriesAsync(grace.Current, made.Id, null, 1)).Single().Attempts == attempt);
            var delivery = (await Webhooks.DeliveriesAsync(grace.Current, made.Id, null, 1, Cancellation)).Single();
            delivery.Failure.ShouldBe("The receiver answered 503.");
            if (attempt <= WebhookSender.Delays.Count)
            {
                (delivery.NextAttemptAt!.Value - WebhookSender.Delays[attempt - 1]).ShouldBeInRange(since, DateTime.UtcNow);
                // The time passes.
                since = DateTime.UtcNow;
                await db.WebhookDeliveries.Where(d => d.Id == delivery.Id).ExecuteUpdateAsync(set => set.SetProperty(d => d.NextAttemptAt, DateTime.UtcNow.AddSeconds(-1)), Cancellation);
            }
            else
            {
                delivery.NextAttemptAt.ShouldBeNull();
            }
        }

        // Always the same message, so that the receiver can tell.
        receiver.Messages.Select(m => m.Id).Distinct().Count().ShouldBe(1);
        receiver.Answer = HttpStatusCode.OK;
        await Webhooks.SendAgainAsync(grace.Current, (await Webhooks.DeliveriesAsync(grace.Current, made.Id, null, 1, Cancellation)).Single().Id, Cancellation);
        await Until.TrueAsync(async () => (await Webhooks.DeliveriesAsync(grace.Current, made.Id, null, 1)).Single().DeliveredAt is not null);
    }

    [Fact]
    public async Task What_happened_while_the_app_was_away_is_told_when_it_is_back()
    {
        await using var own = await WebApp.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        var study = await own.AddStudyAsync(prompts: 1);
        var admin = await own.CreateAdminAsync();
        await own.Services.GetRequiredService<WebhookOperations>().CreateAsync(admin.Current, new(receiver.Url.ToString(), WebhookEvents.RoundEnded), Cancellation);
        await own.StopAsync();
        // As if the app had been ended between the round's end and the message: nobody heard the event.
        await using (var db = new AnnotatorDbContext(new DbContextOptionsBuilder<AnnotatorDbContext>().UseSqlite($"Data Source={own.Data.Database}").Options))
        {
            db.Rounds.Add(ARound(study));
            await db.SaveChangesAsync(Cancellation);
        }

        await own.InitializeAsync();

        await Until.TrueAsync(() => !receiver.Messages.IsEmpty);
        JsonNode.Parse(receiver.Messages.Single().Body)!["type"]!.GetValue<string>().ShouldBe("round.ended");
        // And not again.
        await own.Services.GetRequiredService<WebhookWatch>().LookAtAllAsync(Cancellation);
        await using var after = own.OpenDb();
        (await after.WebhookDeliveries.CountAsync(Cancellation)).ShouldBe(1);
    }

    [Theory]
    [InlineData("ftp://example.org/hook", "http")]
    [InlineData("file:///etc/passwd", "http")]
    [InlineData("example.org", "http")]
    [InlineData("http://user:secret@example.org/", "user name")]
    [InlineData("javascript:alert(1)", "http")]
    public async Task Only_an_address_of_http_is_told(string url, string about)
    {
        var admin = await app.CreateAdminAsync($"url{Math.Abs(url.GetHashCode(StringComparison.Ordinal))}");
        (await Should.ThrowAsync<RefusedException>(() => Webhooks.CreateAsync(admin.Current, new(url, WebhookEvents.RoundEnded), Cancellation))).Message.ShouldContain(about);
    }

    [Fact]
    public async Task Nobody_but_admins_has_to_do_with_webhooks()
    {
        var ben = (await app.CreateAnnotatorAsync()).Current;
        await Should.ThrowAsync<NotAllowedException>(() => Webhooks.ListAsync(ben, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Webhooks.CreateAsync(ben, new("http://127.0.0.1/", WebhookEvents.RoundEnded), Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Webhooks.PingAsync(ben, 1, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Webhooks.RemoveAsync(ben, 1, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Webhooks.SendAgainAsync(ben, 1, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Webhooks.DeliveriesAsync(ben, 1, null, 1, Cancellation));
    }

    private static async Task EndARoundAsync(WebApp app, long study)
    {
        await using (var db = app.OpenDb())
        {
            db.Rounds.Add(ARound(study));
            await db.SaveChangesAsync(Cancellation);
        }

        app.Services.GetRequiredService<LiveFeed>().Publish(new RoundChanged(study, 1, "Failed"));
    }

    private static Round ARound(long study) => new()
    {
        StudyId = study, Number = 1, State = RoundState.Failed, DirectoryName = $"study-{study}-round-1", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft,
        Data = RoundData.All, CreatedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow, FailureReason = "The disk is full.",
    };

    private async Task CountToAsync(long study, int count)
    {
        await using var db = app.OpenDb();
        await db.Studies.Where(s => s.Id == study).ExecuteUpdateAsync(set => set.SetProperty(s => s.JudgmentCount, count), Cancellation);
        await app.Services.GetRequiredService<WebhookWatch>().LookAsync(study, Cancellation);
    }
}
