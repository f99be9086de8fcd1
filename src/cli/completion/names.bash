
# What only the program knows: the names of containers, images, volumes and networks.
_coracle_names() {
    local word verb="" names=""
    _coracle "$@"
    [[ ${COMP_WORDS[COMP_CWORD]} == -* || $COMP_CWORD -lt 2 ]] && return
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            -*) ;;
            container | image) ;;
            volume | network) verb="$word" ;;
            *) verb="${verb:+$verb }$word"; break ;;
        esac
    done
    case $verb in
        attach | exec | kill | pause | port | stop | top | unpause) names=$(coracle ps --format '{{.Names}}' 2>/dev/null) ;;
        commit | cp | diff | export | inspect | logs | rename | restart | rm | start | update | wait) names=$(coracle ps -a --format '{{.Names}}' 2>/dev/null) ;;
        create | history | push | rmi | run | save | tag) names=$(coracle images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null) ;;
        "volume inspect" | "volume rm") names=$(coracle volume ls -q 2>/dev/null) ;;
        "network connect" | "network disconnect" | "network inspect" | "network rm") names=$(coracle network ls --format '{{.Name}}' 2>/dev/null) ;;
        *) return ;;
    esac
    # a colon ends a word where readline breaks there
    local typed=${COMP_WORDS[COMP_CWORD]}
    if [[ $COMP_WORDBREAKS == *:* ]] && declare -F __ltrim_colon_completions >/dev/null; then
        _get_comp_words_by_ref -n : typed 2>/dev/null
        COMPREPLY=($(compgen -W "$names" -- "$typed"))
        __ltrim_colon_completions "$typed"
    else
        COMPREPLY=($(compgen -W "$names" -- "$typed"))
    fi
}
complete -F _coracle_names -o bashdefault -o default coracle
