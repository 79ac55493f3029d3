using Annotator.Web.Data;
using Microsoft.AspNetCore.Components.Authorization;

namespace Annotator.Web.Account;

/// <summary>The person at a page, for the operations that the page calls.</summary>
public static class CurrentPersonOfPage
{
    /// <exception cref="NotAllowedException">Nobody is signed in (any more).</exception>
    public static async Task<CurrentPerson> GetCurrentPersonAsync(this AuthenticationStateProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        return CurrentPerson.From((await provider.GetAuthenticationStateAsync()).User);
    }
}
