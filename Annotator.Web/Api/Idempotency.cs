using System.Security.Cryptography;
using System.Text;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api;

/// <summary>Marks an endpoint that creates something and honours <c>Idempotency-Key</c>.</summary>
public sealed class Creates;

/// <summary>The answers to creations, kept for a day by the key that each request bore.</summary>
public sealed class Idempotency(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, IDataProtectionProvider protection, TimeProvider clock)
{
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);
    private readonly IDataProtector protector = protection.CreateProtector("Annotator.Api.Idempotency");

    /// <summary>Takes the key for a request.</summary>
    /// <returns>Null if it is free: go ahead. Else the earlier request of the same key.</returns>
    public async Task<IdempotentRequest?> TakeAsync(long apiKeyId, string key, byte[] hash, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await db.IdempotentRequests.Where(r => r.CreatedAt < now - Kept).ExecuteDeleteAsync(cancellation);
        if (await db.IdempotentRequests.AsNoTracking().SingleOrDefaultAsync(r => r.ApiKeyId == apiKeyId && r.Key == key, cancellation) is { } earlier)
        {
            return earlier;
        }

        db.IdempotentRequests.Add(new() { ApiKeyId = apiKeyId, Key = key, Hash = hash, CreatedAt = now });
        await db.SaveChangesAsync(cancellation);
        return null;
    }

    /// <summary>Keeps what the request was answered; of one that was refused nothing is kept, so that it can be tried again.</summary>
    public async Task EndAsync(long apiKeyId, string key, int? status, string? location, byte[] body)
    {
        // Also when whoever asked has gone: the thing is made.
        using var turn = await gate.EnterAsync(CancellationToken.None);
        await using var db = await contexts.CreateDbContextAsync(CancellationToken.None);
        var row = db.IdempotentRequests.Where(r => r.ApiKeyId == apiKeyId && r.Key == key);
        _ = status is null
            ? await row.ExecuteDeleteAsync(CancellationToken.None)
            : await row.ExecuteUpdateAsync(
                set => set.SetProperty(r => r.Status, status).SetProperty(r => r.Location, location).SetProperty(r => r.Body, protector.Protect(body)), CancellationToken.None);
    }

    public byte[] BodyOf(IdempotentRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Body is { } body ? protector.Unprotect(body) : [];
    }
}

/// <summary>
/// <c>Idempotency-Key</c> on creations: the second time the same request is answered as the first, and nothing is made
/// twice; another request with the same key is refused.
/// </summary>
public sealed class IdempotentCreations(RequestDelegate next, Idempotency idempotency)
{
    public const string Header = "Idempotency-Key";
    private const int LongestKey = 255;

    public async Task InvokeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.GetEndpoint()?.Metadata.GetMetadata<Creates>() is null || context.Request.Headers[Header].ToString() is not { Length: > 0 } key
            || context.Features.Get<UsedKey>() is not { } used)
        {
            await next(context);
            return;
        }

        if (key.Length > LongestKey)
        {
            throw ProblemException.BadRequest($"{Header} may have {LongestKey} characters at most; it has {key.Length}.");
        }

        var hash = await HashAsync(context.Request, context.RequestAborted);
        if (await idempotency.TakeAsync(used.Id, key, hash, context.RequestAborted) is { } earlier)
        {
            await AnswerAgainAsync(context, earlier, hash);
            return;
        }

        var (response, body) = (context.Response, context.Response.Body);
        using var answer = new MemoryStream();
        response.Body = answer;
        int? status = null;
        try
        {
            await next(context);
            status = response.StatusCode is >= 200 and < 300 ? response.StatusCode : null;
        }
        finally
        {
            response.Body = body;
            await idempotency.EndAsync(used.Id, key, status, response.Headers.Location, answer.ToArray());
        }

        await body.WriteAsync(answer.ToArray(), context.RequestAborted);
    }

    private async Task AnswerAgainAsync(HttpContext context, IdempotentRequest earlier, byte[] hash)
    {
        if (!hash.AsSpan().SequenceEqual(earlier.Hash))
        {
            throw new ProblemException(StatusCodes.Status422UnprocessableEntity, $"This {Header} came with another request before: use a new one.");
        }

        if (earlier.Status is not { } status)
        {
            throw new ProblemException(
                StatusCodes.Status409Conflict,
                $"The same request is at work, or the app ended during it: look whether the thing is there, and if it is not, send it with a new {Header}.");
        }

        var body = idempotency.BodyOf(earlier);
        context.Response.StatusCode = status;
        context.Response.Headers["Idempotent-Replayed"] = "true";
        context.Response.Headers.Location = earlier.Location;
        context.Response.ContentType = body.Length > 0 ? "application/json; charset=utf-8" : null;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>Reads the body and puts it back.</summary>
    private static async Task<byte[]> HashAsync(HttpRequest request, CancellationToken cancellation)
    {
        request.EnableBuffering();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method} {request.Path}{request.QueryString}\n"));
        var buffer = new byte[16 * 1024];
        request.Body.Position = 0;
        while (await request.Body.ReadAsync(buffer, cancellation) is var read and > 0)
        {
            hash.AppendData(buffer, 0, read);
        }

        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }
}
