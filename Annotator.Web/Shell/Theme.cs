using Microsoft.JSInterop;

namespace Annotator.Web.Shell;

/// <summary>Light, dark, or as the system has it: chosen by a person, kept in their browser.</summary>
public sealed class Theme(IJSRuntime js)
{
    public ThemeChoice Choice { get; private set; }
    public bool IsDark { get; private set; }

    /// <summary>Reads what this browser keeps.</summary>
    public async Task LoadAsync() => Set(await js.InvokeAsync<ThemeState>("annotator.theme"));

    /// <summary>Sets and keeps the choice.</summary>
    public async Task ChooseAsync(ThemeChoice choice) =>
        Set(await js.InvokeAsync<ThemeState>("annotator.chooseTheme", choice switch
        {
            ThemeChoice.Light => "light",
            ThemeChoice.Dark => "dark",
            _ => "system",
        }));

    private void Set(ThemeState state)
    {
        IsDark = state.Dark;
        Choice = state.Choice switch { "light" => ThemeChoice.Light, "dark" => ThemeChoice.Dark, _ => ThemeChoice.System };
    }

    private sealed record ThemeState(string Choice, bool Dark);
}

public enum ThemeChoice
{
    System,
    Light,
    Dark,
}
