namespace Annotator.Model.Sampling;

/// <summary>A completion request that can't be answered: the HTTP status and the body that says so.</summary>
public sealed class CompletionException(int status, ErrorDetail detail, Exception? inner = null) : Exception(detail.Message, inner)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The body's error.</summary>
    public ErrorDetail Detail { get; } = detail;

    /// <summary>400: the request can't be used, for this field's sake.</summary>
    public static CompletionException BadRequest(string message, string? field = null, string? code = null) =>
        new(400, new(message, "invalid_request_error", field, code));

    /// <summary>400: the policy's weights don't fit the memory that the server may use, whatever else is unloaded.</summary>
    public static CompletionException PolicyTooLarge(string model, long bytes, long memory) =>
        BadRequest($"The weights of the policy \"{model}\" take {ByteSize.Format(bytes)}, and this server may use {ByteSize.Format(memory)} for weights; start it with a larger --memory.", "model", "policy_too_large");

    /// <summary>401: the request does not show the server's key.</summary>
    public static CompletionException WrongKey() =>
        new(401, new("This server wants its key: send it as \"Authorization: Bearer KEY\".", "invalid_request_error", null, "invalid_api_key"));

    /// <summary>404: nothing is at that address.</summary>
    public static CompletionException NotFound(string method, string path) =>
        new(404, new($"There is nothing at {method} {path}.", "invalid_request_error", null, "not_found"));

    /// <summary>405: the address is right, the method is not.</summary>
    public static CompletionException WrongMethod(string method, string path, string allowed) =>
        new(405, new($"{path} takes {allowed}, not {method}.", "invalid_request_error", null, "method_not_allowed"));

    /// <summary>404: there is no such policy.</summary>
    public static CompletionException UnknownModel(string model) =>
        new(404, new($"There is no policy \"{model}\" here; GET /v1/models lists those there are.", "invalid_request_error", "model", "model_not_found"));

    /// <summary>429: more requests wait than the server takes.</summary>
    public static CompletionException QueueFull(int waiting) =>
        new(429, new($"{waiting} requests are waiting already; try again in a moment.", "rate_limit_error", null, "queue_full"));

    /// <summary>500: the fault is not the request's.</summary>
    public static CompletionException Failed(string message, Exception inner) => new(500, new(message, "server_error"), inner);

    /// <summary>503: the server is going away.</summary>
    public static CompletionException Stopping() => new(503, new("The server is stopping.", "server_error", null, "stopping"));
}
