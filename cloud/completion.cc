#include "cloud/completion.h"

namespace godwit {
namespace {

constexpr std::string_view script =
    R"bash(# bash completion for godwit, godwit-agent and godwit-relay:  source <(godwit completion bash)

# _godwit_lines SECTION: the entries of a section of a help text, which comes on standard input.
_godwit_lines() {
  local line inside=
  while IFS= read -r line; do
    case $line in
      "$1:") inside=yes ;;
      '') inside= ;;
      '  '[!\ ]*) [[ $inside ]] && printf '%s\n' "${line#'  '}" ;;
    esac
  done
}

# _godwit_choices: what stands between the braces of "NAME TEXT:{a,b}".
_godwit_choices() {
  local line
  while IFS= read -r line; do
    [[ $line =~ :\{([^}]*)\} ]] && printf '%s\n' "${BASH_REMATCH[1]//,/ }"
  done
}

_godwit() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local all help line word command='' words=''
  [[ $previous == '=' ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $current == '=' ]] && current=
  COMPREPLY=()
  all=$("$program" --help 2>/dev/null) || return
  local commands
  commands=" $(_godwit_lines Subcommands <<<"$all" | while read -r word line; do printf '%s ' "$word"; done)"
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $commands == *" $word "* ]] && { command=$word; break; }
  done
  help=$all
  # What the program takes before its command it takes behind it, too.
  [[ $command ]] && help=$("$program" "$command" --help 2>/dev/null)$'\n\n'$all

  # A value of the option before: its choices, or else file names (complete -o default).
  if [[ $previous == -* ]]; then
    while IFS= read -r line; do
      [[ ,${line%% *}, == *",$previous,"* ]] || continue
      line=${line#* }
      [[ $line == [A-Z]* ]] && line=${line%%  *} || break
      [[ $line =~ ^(TEXT|UINT|INT|FLOAT|NUMBER) ]] || break
      words=$(_godwit_choices <<<"$line")
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
      return
    done < <(_godwit_lines Options <<<"$help")
  fi
  if [[ $current == -* ]]; then
    words=$(_godwit_lines Options <<<"$help" | while read -r word line; do printf '%s ' "${word//,/ }"; done)
  elif [[ $command ]]; then
    words=$(_godwit_lines Positionals <<<"$help" | _godwit_choices)
  else
    words=$commands
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _godwit godwit godwit-agent godwit-relay
)bash";

}  // namespace

std::string_view bash_completion() { return script; }

}  // namespace godwit
