using Annotator.Web.Account;
using Annotator.Web.Annotating;
using Annotator.Web.Api;
using Annotator.Web.Audit;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Demo;
using Annotator.Web.Engine;
using Annotator.Web.Evaluations;
using Annotator.Web.Housekeeping;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Annotator.Web.Overview;
using Annotator.Web.People;
using Annotator.Web.Policies;
using Annotator.Web.Policies.Pages;
using Annotator.Web.Prompts;
using Annotator.Web.Rounds;
using Annotator.Web.Sampling;
using Annotator.Web.Shell;
using Annotator.Web.Studies;
using Annotator.Web.Webhooks;

namespace Annotator.Web;

/// <summary>The web app's process: <c>Annotator.Web [--data DIR] [--urls URL]</c>, or one of the verbs of <see cref="CommandLine.Help"/>.</summary>
public static class Program
{
    public static async Task<int> Main(string[] args)
    {
        try
        {
            if (args.Contains("--help"))
            {
                Console.WriteLine(CommandLine.Help);
                return 0;
            }

            if (args is ["reset-password", ..])
            {
                return await ResetPasswordCommand.RunAsync(args[1..]);
            }

            if (args is ["backup", ..])
            {
                return await BackupCommand.BackUpAsync(args[1..]);
            }

            if (args is ["restore", ..])
            {
                return await BackupCommand.RestoreAsync(args[1..]);
            }

            if (CommandLine.Problem(args) is { } problem)
            {
                await Console.Error.WriteLineAsync(problem);
                return 2;
            }

            bool again;
            do
            {
                await using var app = await StartAsync(args);
                await app.AnnounceAsync();
                await app.WaitForShutdownAsync();
                again = app.Services.GetRequiredService<Restarts>().IsAsked;
            }
            while (again);
            return 0;
        }
        catch (StartupException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    /// <summary>Builds, prepares the data folder, and listens; <c>Main</c> and the tests start the app by this one way.</summary>
    /// <exception cref="StartupException">A port in use, a folder that can't be written, starter data that can't be read.</exception>
    public static async Task<WebApplication> StartAsync(string[] args)
    {
        var app = Build(args);
        var urls = app.Configuration["urls"];
        try
        {
            app.TakeDataFolder();
            var restored = app.FinishRestore();
            await app.PrepareDataAsync();
            await app.RecordRestoreAsync(restored);
            await app.SeedStudyAsync();
            await app.TidyDatasetAsync();
            await app.StartAsync();
            await app.StartDemoIfAskedAsync();
            return app;
        }
        catch (Exception e)
        {
            await app.StopAsync();                                    // what had started before it failed must not outlive its services
            await app.DisposeAsync();
            if (Listening.Explain(e, urls) is { } explained)
            {
                throw explained;
            }

            throw;
        }
    }

    /// <summary>The app, not yet started.</summary>
    public static WebApplication Build(string[] args)
    {
        // The content lies beside the program, whatever folder it was started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = CommandLine.WithValues(args), ApplicationName = typeof(Program).Assembly.GetName().Name, ContentRootPath = AppContext.BaseDirectory,
        });
        builder.WebHost.UseStaticWebAssets();
        builder.UseDefaultUrl();

        builder.AddProxy();
        builder.AddData();
        builder.AddLanguages();
        builder.AddShell();
        builder.AddAccount();
        builder.AddPeople();
        builder.AddStudies();
        builder.AddLive();
        builder.AddEngine();
        builder.AddPolicies();
        builder.AddSampling();
        builder.AddRounds();
        builder.AddEvaluations();
        builder.AddPolicyPages();
        builder.AddDataset();
        builder.AddPrompts();
        builder.AddAnnotating();
        builder.AddDemo();
        builder.AddOverview();
        builder.AddAudit();
        builder.AddWebhooks();
        builder.AddHousekeeping();
        builder.AddApi();

        var app = builder.Build();
        app.UseProxy();
        app.UseLanguages();
        app.UseShell();
        app.UseApiProblems();
        app.UseAccount();
        app.UseAudit();
        app.UseApi();
        app.MapShell();
        app.MapLanguages();
        app.MapAccount();
        app.MapLive().OpenToKeys(ApiScopes.Read);
        app.MapPolicies();
        app.MapDataset();
        app.MapRounds();
        app.MapAudit();
        app.MapHousekeeping();
        app.MapApi();
        return app;
    }
}
