namespace Annotator.Web.Account;

/// <summary>Somebody who signed in with a one-time password chooses their own before anything else.</summary>
public sealed class OneTimePasswordFirst(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var mustChange = context.User.HasClaim(PersonClaims.MustChangePassword, "true");
        var path = context.Request.Path;
        // Static files carry no authorisation to ask for; everything else but these two does.
        var elsewhere = path != "/change-password" && path != "/sign-out" && context.GetEndpoint() is { } endpoint
            && endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Authorization.IAllowAnonymous>() is null;
        if (!mustChange || !elsewhere)
        {
            return next(context);
        }

        if (context.Request.IsForPrograms() || !HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
        }
        else
        {
            context.Response.Redirect("/change-password");
        }

        return Task.CompletedTask;
    }
}
