using System.Globalization;
using System.Text.Json;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Model.Preferences.Datasets;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api;

/// <summary>An endpoint's own refusal, with its status.</summary>
public sealed class ProblemException(int status, string detail, Exception? inner = null) : Exception(detail, inner)
{
    public int Status { get; } = status;

    public static ProblemException NotFound(string detail) => new(StatusCodes.Status404NotFound, detail);

    public static ProblemException BadRequest(string detail, Exception? inner = null) => new(StatusCodes.Status400BadRequest, detail, inner);
}

/// <summary>
/// Every error of the API as <c>application/problem+json</c> (RFC 9457): what an operation refuses, and statuses that the
/// pipeline sets without a word.
/// </summary>
public sealed partial class Problems(RequestDelegate next, ILogger<Problems> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var response = context.Response;
        try
        {
            await next(context);
            if (response is { HasStarted: false, StatusCode: >= 400, ContentType: null })
            {
                await WriteAsync(context, response.StatusCode, DetailOf(response.StatusCode));
            }
        }
        catch (Exception e) when (!response.HasStarted && StatusOf(e) is { } status)
        {
            await WriteAsync(context, status, e is BadHttpRequestException ? DetailOf(status) : e.Message);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Whoever asked has gone: there is nobody to tell.
        }
#pragma warning disable CA1031 // A program gets a problem, never a stack trace; the log has it.
        catch (Exception e) when (!response.HasStarted)
#pragma warning restore CA1031
        {
            Failed(logger, context.Request.Method, context.Request.Path, e);
            await WriteAsync(context, StatusCodes.Status500InternalServerError, DetailOf(StatusCodes.Status500InternalServerError));
        }
    }

    private static int? StatusOf(Exception e) => e switch
    {
        ProblemException problem => problem.Status,
        RefusedException or DatasetFileException => StatusCodes.Status422UnprocessableEntity,
        NotAllowedException => StatusCodes.Status403Forbidden,
        BadHttpRequestException bad => bad.StatusCode,
        _ => null,
    };

    /// <summary>Where the pipeline has no words of its own.</summary>
    private static string DetailOf(int status) => status switch
    {
        400 => "The request can't be read: see the API's reference for its path, query and body.",
        401 => "A valid key is needed: send it as `Authorization: Bearer KEY`. Admins make keys under Administration.",
        403 => "This key, or the person who made it, may not do that.",
        404 => "There is nothing at this address.",
        405 => "This address does not take that method.",
        413 => string.Create(CultureInfo.InvariantCulture, $"The body is too large: JSON may have {ApiSetup.LargestBody / 1024 / 1024} MB, a file {Uploads.LargestMegabytes} MB."),
        415 => "The body has the wrong content type: see the API's reference.",
        429 => "Too many requests with this key: wait as long as Retry-After says.",
        503 => "The app is stopping: try again in a moment.",
        _ => "Something went wrong in the app; its log says what.",
    };

    private static async Task WriteAsync(HttpContext context, int status, string detail)
    {
        var challenge = context.Response.Headers.WWWAuthenticate;
        var wait = context.Response.Headers.RetryAfter;
        context.Response.Clear();
        (context.Response.Headers.WWWAuthenticate, context.Response.Headers.RetryAfter) = (challenge, wait);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/problem+json";
        var problem = new ProblemDetails { Status = status, Title = Title(status), Detail = detail, Instance = context.Request.Path };
        await JsonSerializer.SerializeAsync(context.Response.Body, problem, JsonSerializerOptions.Web, context.RequestAborted);
    }

    private static string Title(int status) => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } phrase ? phrase : "Error";

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    private static partial void Failed(ILogger logger, string method, string path, Exception e);
}
