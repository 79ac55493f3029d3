using System.Text.Json;
using System.Text.RegularExpressions;
using Annotator.Model.Checkpoints;

namespace Annotator.Model.Tokenization;

/// <summary>
/// Finds which template a checkpoint means. Checkpoints carry a program in Jinja; it is not run here, but compared, in one
/// spelling, with the published ones.
/// </summary>
internal static class CheckpointChatTemplate
{
    private const string Chatml = "{{'<|im_start|>'}}{{message['role']}}{{'\\n'}}{{message['content']}}{{'<|im_end|>\\n'}}";
    private const string ChatmlPrompt = "{%if add_generation_prompt%}{{'<|im_start|>assistant\\n'}}{%endif%}";
    private const string Llama3 = "{%set content='<|start_header_id|>'+message['role']+'<|end_header_id|>\\n\\n'+message['content']|trim+'<|eot_id|>'%}"
        + "{%if loop.index0==0%}{%set content=bos_token+content%}{%endif%}{{content}}";
    private const string Llama3Answer = "{{'<|start_header_id|>assistant<|end_header_id|>\\n\\n'}}";

    // ‹system› is what the system says by default, ‹date› a date; ‹…› stands for branches that serve tools only.
    private static readonly (Regex Template, Func<Match, ChatTemplate> Means)[] Published =
    [
        // Many: TRL's and transformers' own chatml.
        (Like("{%for message in messages%}" + Chatml + "{%endfor%}" + ChatmlPrompt), _ => ChatTemplate.Chatml),
        (Like("{%for message in messages%}" + Chatml + "{%if loop.last and add_generation_prompt%}{{'<|im_start|>assistant\\n'}}{%endif%}{%endfor%}"), _ => ChatTemplate.Chatml),

        // Qwen2, SmolLM, SmolLM2.
        (Like("{%for message in messages%}{%if loop.first and messages[0]['role']!='system'%}{{'<|im_start|>system\\n‹system›<|im_end|>\\n'}}{%endif%}"
            + Chatml + "{%endfor%}" + ChatmlPrompt), ChatmlWithSystem),

        // Qwen1.5: it only leaves out the end of an answer that is to be gone on with.
        (Like("{%for message in messages%}{%if loop.first and messages[0]['role']!='system'%}{{'<|im_start|>system\\n‹system›<|im_end|>\\n'}}{%endif%}"
            + "{{'<|im_start|>'}}{{message['role']}}{{'\\n'}}{{message['content']}}{%if(loop.last and add_generation_prompt)or not loop.last%}{{'<|im_end|>\\n'}}{%endif%}{%endfor%}"
            + "{%if add_generation_prompt and messages[-1]['role']!='assistant'%}{{'<|im_start|>assistant\\n'}}{%endif%}"), ChatmlWithSystem),

        // Qwen2.5.
        (Like("{%if tools%}‹…›{%else%}{%if messages[0]['role']=='system'%}{{'<|im_start|>system\\n'}}{{messages[0]['content']}}{{'<|im_end|>\\n'}}"
            + "{%else%}{{'<|im_start|>system\\n‹system›<|im_end|>\\n'}}{%endif%}{%endif%}"
            + "{%for message in messages%}{%if(message['role']=='user')or(message['role']=='system'and not loop.first)or(message['role']=='assistant'and not message.tool_calls)%}"
            + Chatml + "{%elif message['role']=='assistant'%}‹…›{%endif%}{%endfor%}" + ChatmlPrompt), ChatmlWithSystem),

        // Llama 3.
        (Like("{%set loop_messages=messages%}{%for message in loop_messages%}" + Llama3 + "{%endfor%}{%if add_generation_prompt%}" + Llama3Answer + "{%endif%}"), _ => ChatTemplate.Llama3),
        (Like("{%set loop_messages=messages%}{%for message in loop_messages%}" + Llama3 + "{%endfor%}" + Llama3Answer), _ => ChatTemplate.Llama3),

        // Llama 3.1 to 3.3. Where they would ask for today's date, the one they name for when it is not to be had: a prompt must not change overnight.
        (Like("{{bos_token}}‹…›{%set date_string='‹date›'%}‹…›{{'<|start_header_id|>system<|end_header_id|>\\n\\n'}}‹…›"
            + "{{'Cutting Knowledge Date: December 2023\\nToday Date: '}}{{date_string}}{{'\\n\\n'}}‹…›{{system_message}}{{'<|eot_id|>'}}‹…›"
            + "{%for message in messages%}{%if not(message['role']=='ipython'or message['role']=='tool'or'tool_calls'in message)%}"
            + "{{'<|start_header_id|>'}}{{message['role']}}{{'<|end_header_id|>\\n\\n'}}{{message['content']|trim}}{{'<|eot_id|>'}}‹…›{%endfor%}"
            + "{%if add_generation_prompt%}" + Llama3Answer + "{%endif%}"),
            found => ChatTemplate.Llama3 with { SystemPreamble = $"Cutting Knowledge Date: December 2023\nToday Date: {found.Groups["date"].Value}\n\n" }),

        // Zephyr, TinyLlama.
        (Like("{%for message in messages%}{%if message['role']=='user'%}" + Zephyr("user") + "{%elif message['role']=='system'%}" + Zephyr("system")
            + "{%elif message['role']=='assistant'%}" + Zephyr("assistant") + "{%endif%}{%if loop.last and add_generation_prompt%}{{'<|assistant|>\\n'}}{%endif%}{%endfor%}"), _ => ChatTemplate.Zephyr),
    ];

    /// <summary>The template of a policy directory: chat_template.jinja, or tokenizer_config.json's <c>chat_template</c>. Null where there is none, or one that is not known.</summary>
    /// <exception cref="PolicyException">A file can't be read.</exception>
    public static ChatTemplate? Of(string directory) => Source(directory) is { } jinja ? Named(jinja) : null;

    /// <summary>The template that a Jinja text is; null if it is not known.</summary>
    public static ChatTemplate? Named(string jinja)
    {
        var canonical = JinjaText.Canonical(jinja)?.Replace("{%if not add_generation_prompt is defined%}{%set add_generation_prompt=false%}{%endif%}", "", StringComparison.Ordinal);
        return canonical is null ? null : Published
            .Select(published => (published.Means, Match: published.Template.Match(canonical)))
            .Where(found => found.Match.Success)
            .Select(found => found.Means(found.Match))
            .FirstOrDefault();
    }

    private static string? Source(string directory)
    {
        var file = Path.Combine(directory, "chat_template.jinja");
        try
        {
            if (File.Exists(file))
            {
                return File.ReadAllText(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"{file} can't be read: {e.Message}", e);
        }

        // One text, or several by name.
        return TokenizerConfig.ReadFile(Path.Combine(directory, "tokenizer_config.json"), json => json.Field("chat_template") switch
        {
            null => null,
            { ValueKind: JsonValueKind.Array } several => several.EnumerateArray().FirstOrDefault(one => one.Text("name") == "default") is { ValueKind: JsonValueKind.Object } one
                ? one.Text("template")
                : null,
            { } one => one.AsText("chat_template"),
        });
    }

    private static ChatTemplate ChatmlWithSystem(Match found) =>
        ChatTemplate.Chatml with { DefaultSystem = found.Groups["system"].Value.Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\'", "'", StringComparison.Ordinal) };

    private static string Zephyr(string role) => $"{{{{'<|{role}|>\\n'}}}}{{{{message['content']}}}}{{{{eos_token}}}}{{{{'\\n'}}}}";

    private static Regex Like(string canonical) => new(
        "^" + Regex.Escape(canonical)
            .Replace("‹…›", ".*", StringComparison.Ordinal)
            .Replace("‹system›", "(?<system>[^{}]*)", StringComparison.Ordinal)
            .Replace("‹date›", "(?<date>[0-9A-Za-z ]+)", StringComparison.Ordinal) + "$",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);
}
