
# What only the program knows: the names of containers, images, volumes and networks.
_coracle_list() {
    local -a names
    names=(${(f)"$(coracle $@ 2>/dev/null)"})
    compadd -- $names
}
_coracle_containers() { _coracle_list ps -a --format '{{.Names}}' }
_coracle_images() { _coracle_list images --format '{{.Repository}}:{{.Tag}}' }
_coracle_volumes() { _coracle_list volume ls -q }
_coracle_networks() { _coracle_list network ls --format '{{.Name}}' }
