
# What only the program knows: the names of containers, images, volumes and networks.
_coracle_names() {
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT}
    local typed=${line##*[[:space:]]} list="" group="" verb="" before="" word takes_value=false operands=0
    local -a words
    # not COMP_WORDS: there a colon ends a word
    read -ra words <<<"${line%"$typed"}"
    for word in "${words[@]:1}"; do
        if $takes_value; then
            takes_value=false
        elif [[ $word == -* ]]; then
            _coracle_takes_value "$1" "$word" && takes_value=true
        elif [[ -n $verb ]]; then
            ((operands += 1))
        elif [[ -z $group && $word =~ ^(builder|buildx|container|context|image|manifest|network|system|volume)$ ]]; then
            group=$word
        else
            verb=$word
        fi
        before=$word
    done
    if $takes_value; then
        case $before in
            --net | --network) list="bridge host none $(coracle network ls --format '{{.Name}}' 2>/dev/null)" ;;
            --volumes-from) list=$(coracle ps -a --format '{{.Names}}' 2>/dev/null) ;;
            --restart) list="no always on-failure unless-stopped" ;;
            --pull) list="always missing never" ;;
            --platform) list="linux/amd64 linux/arm64" ;;
            --progress) list="auto plain tty" ;;
            *) _coracle "$@"; return ;;
        esac
    elif [[ $typed == -* || -z $verb ]]; then
        _coracle "$@"
        return
    else
        case "$group $verb $operands" in
            "network connect 0" | "network disconnect 0" | "network inspect "* | "network rm "*)
                list=$(coracle network ls --format '{{.Name}}' 2>/dev/null) ;;
            "network connect 1" | "network disconnect 1")
                list=$(coracle ps -a --format '{{.Names}}' 2>/dev/null) ;;
            "volume inspect "* | "volume rm "*)
                list=$(coracle volume ls -q 2>/dev/null) ;;
            "image history 0" | "image inspect "* | "image push 0" | "image rm "* | "image save "* | "image tag 0" | \
                " history 0" | " push 0" | " rmi "* | " save "* | " tag 0" | " create 0" | " run 0" | "container create 0" | "container run 0")
                list=$(coracle images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null) ;;
            *" attach 0" | *" exec 0" | *" kill "* | *" pause "* | *" port 0" | *" stop "* | *" top 0" | *" unpause "*)
                list=$(coracle ps --format '{{.Names}}' 2>/dev/null) ;;
            *" commit 0" | *" diff 0" | *" export 0" | *" inspect "* | *" logs 0" | *" rename 0" | *" restart "* | \
                *" rm "* | *" start "* | *" stats "* | *" update "* | *" wait "*)
                list=$(coracle ps -a --format '{{.Names}}' 2>/dev/null) ;;
            *" cp "*)
                # a container's path, beside the files of here
                list=$(coracle ps -a --format '{{.Names}}:' 2>/dev/null)
                compopt -o nospace 2>/dev/null ;;
            *) COMPREPLY=(); return ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$list" -- "$typed"))
    # readline replaces what stands behind the last colon
    if [[ $typed == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${typed%"${typed##*:}"}"}")
    fi
}

# Whether a flag has a value: behind one that has none, other flags may stand.
_coracle_takes_value() {
    local -a COMPREPLY
    [[ $2 == *=* ]] && return 1
    _coracle "$1" "" "$2"
    [[ " ${COMPREPLY[*]} " != *" --help "* ]]
}
complete -F _coracle_names -o bashdefault -o default coracle
