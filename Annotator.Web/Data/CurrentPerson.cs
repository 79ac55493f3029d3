using System.Security.Claims;

namespace Annotator.Web.Data;

/// <summary>Who asks: every operation that somebody must be allowed to do takes one, and checks it itself.</summary>
public sealed record CurrentPerson(string Id, string Name, bool IsAdmin, bool IsAnnotator, bool IsViewer = false)
{
    /// <summary>A program that judges demo studies (<see cref="Person.IsSimulated"/>); nobody who signs in is one.</summary>
    public bool IsSimulated { get; init; }

    /// <summary>The signed-in person.</summary>
    /// <exception cref="NotAllowedException">Nobody is signed in.</exception>
    public static CurrentPerson From(ClaimsPrincipal principal)
    {
        ArgumentNullException.ThrowIfNull(principal);
        var id = principal.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new NotAllowedException("Sign in first.");
        return new(id, principal.Identity?.Name ?? id, principal.IsInRole(Roles.Admin), principal.IsInRole(Roles.Annotator), principal.IsInRole(Roles.Viewer));
    }

    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public void RequireAdmin()
    {
        if (!IsAdmin)
        {
            throw new NotAllowedException("Only an admin may do that.");
        }
    }

    /// <summary>For what only reads: admins may too.</summary>
    /// <exception cref="NotAllowedException">Neither a viewer nor an admin.</exception>
    public void RequireViewer()
    {
        if (!IsAdmin && !IsViewer)
        {
            throw new NotAllowedException("Only an admin or a viewer may see that.");
        }
    }

    /// <exception cref="NotAllowedException">Not an annotator.</exception>
    public void RequireAnnotator()
    {
        if (!IsAnnotator)
        {
            throw new NotAllowedException("Only an annotator may do that.");
        }
    }
}

/// <summary>The person may not do what was asked. The message is for people.</summary>
public sealed class NotAllowedException(string message) : Exception(message);

/// <summary>What was asked can't be done as it stands; the message tells the person why, and what to change.</summary>
public sealed class RefusedException(string message) : Exception(message);
