package fleet

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/template"
)

const (
	// imageUser is the user of the image, as its Dockerfile says.
	imageUser = 65532
	// composeNodes are the services that docker-compose.yml has.
	composeNodes = 3
	// projectLabel is what compose marks all with that it makes for a project.
	projectLabel = "com.docker.compose.project"
)

// composeProject is the project's docker-compose.yml with a second file that
// makes a fleet of it.
type composeProject struct {
	config  Config
	name    string
	net     *containerNet
	dataDir func(node int) string

	images     []image  // of each node
	containers []string // id by node
}

// override is the second file. Nodes that the first one does not have are
// described whole, and are held as those are.
var override = template.Must(template.New("").Parse(`services:
{{- range .}}
  {{.Name}}:
    image: {{.Image}}
    restart: "no" # a node that ends by itself is for the driver to see
    {{- if .User}}
    user: {{.User}}
    {{- end}}
    command: {{.Command}}
    environment: {{.Environment}}
    volumes: [{type: bind, source: {{.Data}}, target: /data}]
    {{- if .Beside}}
    hostname: {{.Name}}
    stop_grace_period: 30s
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    ports: [{{.Port}}]
    networks:
      peers:
        ipv4_address: {{.Address}}
    {{- end}}
{{- end}}
`))

// service is what the override says of a node. All but Name and Beside are JSON,
// which is YAML.
type service struct {
	Name                                                   string
	Beside                                                 bool // it is not in the first file
	Image, User, Command, Environment, Data, Port, Address string
}

// quote makes JSON of a value. A dollar sign would begin a variable.
func quote(v any) (string, error) {
	b, err := json.Marshal(v)
	return strings.ReplaceAll(string(b), "$", "$$"), err
}

func (p *composeProject) service(node int) (service, error) {
	name := fmt.Sprintf("n%d", node+1)
	api, peer := p.net.addresses(node)
	var join []string
	for i := range p.images {
		_, other := p.net.addresses(i)
		join = append(join, other)
	}
	environment := map[string]string{"TREENODE_JOIN": strings.Join(join, ",")}
	beside := node >= composeNodes
	if beside {
		for key, value := range map[string]string{
			"NODE_ID": name, "DATA_DIR": "/data", "ADVERTISE": peer, "INSECURE_LISTEN": "true",
			"LISTEN": fmt.Sprintf("0.0.0.0:%d", apiPort), "PEER_LISTEN": fmt.Sprintf("0.0.0.0:%d", peerPort),
		} {
			environment["TREENODE_"+key] = value
		}
	}
	if node < p.config.Nodes {
		environment["TREENODE_BOOTSTRAP_EXPECT"] = fmt.Sprint(p.config.Nodes)
	}
	for _, v := range p.images[node].env {
		name, value, _ := strings.Cut(v, "=")
		environment[name] = value
	}
	user := ""
	if os.Geteuid() != 0 {
		user = fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	}
	image, err := imageOf(p.config.Compose, p.images[node].program)
	if err != nil {
		return service{}, err
	}
	s := service{Name: name, Beside: beside}
	var failed error
	for _, f := range []struct {
		to    *string
		value any
	}{
		{&s.Image, image},
		{&s.User, user},
		{&s.Command, append([]string{"serve"}, p.config.Args...)},
		{&s.Environment, environment},
		{&s.Data, p.dataDir(node)},
		{&s.Port, fmt.Sprintf("%s:%d", api, apiPort)},
		{&s.Address, p.net.host(node)},
	} {
		quoted, err := quote(f.value)
		*f.to, failed = quoted, errors.Join(failed, err)
	}
	if user == "" {
		s.User = ""
	}
	return s, failed
}

// create makes the containers of the named nodes, or of all, or makes them anew
// where they are not as described.
func (p *composeProject) create(names ...string) error {
	var services []service
	for node := range p.images {
		s, err := p.service(node)
		if err != nil {
			return err
		}
		services = append(services, s)
	}
	var text strings.Builder
	if err := override.Execute(&text, services); err != nil {
		return err
	}
	file := filepath.Join(p.config.Dir, "docker-compose.override.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return err
	}
	env := []string{"CLUSTER_NET=" + p.net.net}
	for node := range min(len(p.images), composeNodes) {
		env = append(env, fmt.Sprintf("CLUSTER_PORT_N%d=%d", node+1, p.net.ports[node]))
	}
	args := []string{"-p", p.name, "-f", p.config.Compose, "-f", file, "up", "--no-start"}
	if _, err := compose(env, append(args, names...)...); err != nil {
		return err
	}
	p.containers = make([]string, len(p.images))
	for node := range p.images {
		id, err := docker("ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+projectLabel+"="+p.name,
			"--filter", fmt.Sprintf("label=com.docker.compose.service=n%d", node+1))
		if err != nil {
			return err
		}
		if len(strings.Fields(id)) != 1 {
			return fmt.Errorf("compose made %q for n%d, want one container", id, node+1)
		}
		p.containers[node] = strings.TrimSpace(id)
	}
	return nil
}

// built has the images of this driver by program: making one takes longer than
// all else that a fleet needs.
var built = struct {
	sync.Mutex
	tags map[string]string
}{tags: map[string]string{}}

// imageOf returns the project's image with a program, and makes it if there is
// none yet.
func imageOf(compose, program string) (_ string, err error) {
	built.Lock()
	defer built.Unlock()
	if tag := built.tags[program]; tag != "" {
		return tag, nil
	}
	if err := static(program); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "treenode-image-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.MkdirAll(filepath.Join(dir, "dist", "image", "data"), 0o755); err != nil { //nolint:gosec // it becomes the image
		return "", err
	}
	if err := copyProgram(program, filepath.Join(dir, "dist", "image", "treenode")); err != nil {
		return "", err
	}
	tag := fmt.Sprintf("%s:p%d", imageName(), len(built.tags))
	if _, err := docker("build", "--quiet", "--tag", tag, "--file", filepath.Join(filepath.Dir(compose), "Dockerfile"), dir); err != nil {
		return "", err
	}
	built.tags[program] = tag
	return tag, nil
}

// imageName is the name of this driver's images, which abandoned knows.
func imageName() string { return fmt.Sprintf("%s%dr0", prefix, os.Getpid()) }

// RemoveImages removes the images that this driver has made.
func RemoveImages() error {
	built.Lock()
	defer built.Unlock()
	clear(built.tags)
	return sweepContainers(func(name string) bool { return name == imageName() })
}

// static returns an error for a program that an image without libraries can't
// run.
func static(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s can't run in a container: %w", program, err)
	}
	dynamic := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if err := f.Close(); err != nil {
		return err
	}
	if dynamic {
		return fmt.Errorf("%s can't run in a container: it needs libraries; build it with CGO_ENABLED=0", program)
	}
	return nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()                                                      //nolint:errcheck // it is only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755) //nolint:gosec // a program
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close()) // whatever the umask is
}
