using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace Annotator.Web.Scripts;

/// <summary>
/// The JavaScript module of a component. It exports <c>attach(root, server)</c>, where <c>server</c> calls the component's
/// <see cref="JSInvokableAttribute"/> methods, and <c>detach()</c>.
/// </summary>
/// <remarks>
/// A component may be left before its module arrives: then nothing is attached. What is asked for is done in that order by the
/// browser, which removes a component's elements only once it is left; so <c>attach</c> always finds its root.
/// </remarks>
/// <param name="path">The module's address in the app, without a slash before it.</param>
public sealed class ComponentScript(IComponent component, IJSRuntime js, string path) : IAsyncDisposable
{
    private readonly DotNetObjectReference<IComponent> server = DotNetObjectReference.Create(component);
    private IJSObjectReference? module;
    private bool isLeft;

    /// <summary>Loads the module and attaches it, once the component has its elements.</summary>
    /// <returns>What <c>attach</c> returns; null if the component was left meanwhile.</returns>
    public async Task<T?> AttachAsync<T>(ElementReference root)
        where T : class
    {
        var arrived = await js.InvokeAsync<IJSObjectReference>("import", $"./{path}");
        if (isLeft)
        {
            await arrived.DisposeAsync();
            return null;
        }

        module = arrived;
        var answer = await module.InvokeAsync<T?>("attach", root, server);
        return isLeft ? null : answer;
    }

    /// <inheritdoc cref="AttachAsync{T}"/>
    public Task AttachAsync(ElementReference root) => AttachAsync<object>(root);

    /// <summary>Calls a function of the module, if that is here.</summary>
    public Task InvokeVoidAsync(string function, params object?[] arguments) =>
        isLeft || module is null ? Task.CompletedTask : module.InvokeVoidAsync(function, arguments).AsTask();

    /// <summary>The component is left. The module is told before this first waits, so before another component can attach it anew.</summary>
    public async ValueTask DisposeAsync()
    {
        isLeft = true;
        try
        {
            if (module is not null)
            {
                await module.InvokeVoidAsync("detach");
                await module.DisposeAsync();
            }
        }
        catch (Exception e) when (e is JSDisconnectedException or OperationCanceledException)
        {
            // The browser is gone, and its listeners with it.
        }

        server.Dispose();
    }
}
