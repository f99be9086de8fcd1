
# What only the program knows: the names of containers, images, volumes and networks.
for verb in attach exec kill pause port stop top unpause
    complete -c coracle -n "__fish_coracle_using_subcommand $verb" -f -a "(coracle ps --format '{{.Names}}' 2>/dev/null)"
end
for verb in commit cp diff export inspect logs rename restart rm start update wait
    complete -c coracle -n "__fish_coracle_using_subcommand $verb" -f -a "(coracle ps -a --format '{{.Names}}' 2>/dev/null)"
end
for verb in create history push rmi run save tag
    complete -c coracle -n "__fish_coracle_using_subcommand $verb" -f -a "(coracle images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)"
end
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from inspect rm" -f -a "(coracle volume ls -q 2>/dev/null)"
complete -c coracle -n "__fish_coracle_using_subcommand network; and __fish_seen_subcommand_from connect disconnect inspect rm" -f -a "(coracle network ls --format '{{.Name}}' 2>/dev/null)"
