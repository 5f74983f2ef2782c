// tenon completion: scripts for shells, made from the very tables that parse the command line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "print.h"

namespace tenon::cli {
namespace {

struct CompletedCommand {
  std::string name, help;
  std::vector<std::pair<std::string, std::string>> options;  // "--json", what it says of itself
  std::vector<std::string> words;                            // of arguments with a fixed choice
};

const std::vector<std::string> shells = {"bash", "zsh", "fish"};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

CompletedCommand command_of(const CLI::App& app) {
  CompletedCommand command{.name = app.get_name(), .help = first_line(app.get_description())};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames())
      command.options.emplace_back("-" + name, option->get_description());
    for (const std::string& name : option->get_lnames())
      command.options.emplace_back("--" + name, option->get_description());
  }
  if (command.name == "completion") command.words = shells;
  return command;
}

std::string names_of(const CompletedCommand& command) {
  std::vector<std::string> names = command.words;
  for (const auto& [name, help] : command.options) names.push_back(name);
  return fmt::format("{}", fmt::join(names, " "));
}

std::string bash_script(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  std::string cases;
  for (const CompletedCommand& command : commands) {
    names.push_back(command.name);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, names_of(command));
  }
  return fmt::format(R"(# tenon completion bash: source <(tenon completion bash)
_tenon() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  case $word in -*) ;; *) COMPREPLY+=($(compgen -f -- "$word")) ;; esac
}}
complete -o filenames -F _tenon tenon
)",
                     fmt::join(names, " "), cases);
}

// In single quotes, where a shell reads nothing; zsh's lists end a name at a colon or bracket.
std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string zsh_escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zsh_script(const std::vector<CompletedCommand>& commands) {
  std::string names, cases;
  for (const CompletedCommand& command : commands) {
    names += "    " + shell_quoted(command.name + ":" + zsh_escaped(command.help)) + "\n";
    std::string options;
    for (const auto& [name, help] : command.options)
      options += " " + shell_quoted(name + "[" + zsh_escaped(help) + "]");
    const std::string words = command.words.empty()
                                  ? "'*:file:_files'"
                                  : fmt::format("'1:shell:({})'", fmt::join(command.words, " "));
    cases += fmt::format("    {}) _arguments{} {} ;;\n", command.name, options, words);
  }
  return fmt::format(R"(#compdef tenon
# tenon completion zsh: source <(tenon completion zsh), or keep it as _tenon on $fpath
_tenon() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
compdef _tenon tenon
)",
                     names, cases);
}

std::string fish_script(const std::vector<CompletedCommand>& commands) {
  std::string script = "# tenon completion fish: tenon completion fish | source\n";
  for (const CompletedCommand& command : commands) {
    script += fmt::format("complete -c tenon -n __fish_use_subcommand -a {} -d {}\n", command.name,
                          shell_quoted(command.help));
    const std::string where = fmt::format("-n '__fish_seen_subcommand_from {}'", command.name);
    for (const auto& [name, help] : command.options) {
      const bool is_long = name.starts_with("--");
      script += fmt::format("complete -c tenon {} -{} {} -d {}\n", where, is_long ? "l" : "s",
                            name.substr(is_long ? 2 : 1), shell_quoted(help));
    }
    if (!command.words.empty())
      script +=
          fmt::format("complete -c tenon {} -f -a '{}'\n", where, fmt::join(command.words, " "));
  }
  return script;
}

void perform(const CLI::App& app, const std::string& shell, Session& session) {
  std::vector<CompletedCommand> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command_of(*command));
  const std::string script = shell == "bash"  ? bash_script(commands)
                             : shell == "zsh" ? zsh_script(commands)
                                              : fish_script(commands);
  session.print({{"shell", shell}, {"script", script}}, script);
}

}  // namespace

Action add_completion(CLI::App& command) {
  auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(shells))
      ->type_name("SHELL");
  const CLI::App* app = command.get_parent();
  return [shell, app](Session& session) { perform(*app, *shell, session); };
}

}  // namespace tenon::cli
