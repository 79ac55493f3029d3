using Annotator.Web.Data;

namespace Annotator.Web.Housekeeping;

/// <summary>Lets the app end and start again in the same process; pages find it again by themselves.</summary>
public sealed class Restarts(IHostApplicationLifetime lifetime)
{
    /// <summary>Whether the end that comes is to be followed by a start.</summary>
    public bool IsAsked { get; private set; }

    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public void Ask(CurrentPerson by)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        IsAsked = true;
        lifetime.StopApplication();
    }
}
