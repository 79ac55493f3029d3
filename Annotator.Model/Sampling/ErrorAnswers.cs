using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Annotator.Model.Sampling;

/// <summary>Whatever goes wrong becomes an answer in OpenAI's shape; and every answer is counted.</summary>
internal sealed partial class ErrorAnswers(RequestDelegate next, ServingMetrics metrics, ILogger<ErrorAnswers> log)
{
    private const int ClientClosedRequest = 499;  // nginx's number for it; nobody receives it

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response is { StatusCode: StatusCodes.Status405MethodNotAllowed, HasStarted: false })
                throw CompletionException.WrongMethod(context.Request.Method, context.Request.Path, context.Response.Headers.Allow.ToString());
        }
        catch (CompletionException e) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, e);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; its rows leave the batch at the next step.
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, new(e.StatusCode, new($"The request can't be read: {e.Message}", "invalid_request_error"), e));
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            LogUnforeseen(context.Request.Path, e);
            await AnswerAsync(context, CompletionException.Failed("The request failed; the server's log says why.", e));
        }
        finally
        {
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "other";
            metrics.Answered(route, context.RequestAborted.IsCancellationRequested ? ClientClosedRequest : context.Response.StatusCode);
        }
    }

    private static async Task AnswerAsync(HttpContext context, CompletionException e)
    {
        context.Response.StatusCode = e.Status;
        if (e.Status == StatusCodes.Status429TooManyRequests)
            context.Response.Headers.RetryAfter = "1";
        if (e.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        await context.Response.WriteAsJsonAsync(new ErrorResponse(e.Detail), CompletionJson.Default.ErrorResponse);
    }

    [LoggerMessage(LogLevel.Error, "The request to {Path} failed")]
    private partial void LogUnforeseen(string path, Exception exception);
}
