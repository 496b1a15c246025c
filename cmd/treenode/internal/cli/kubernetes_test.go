package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifest is what the test looks at of an object of Kubernetes; the API server
// checks the rest.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		ServiceName    string                                     `yaml:"serviceName"`
		ClusterIP      string                                     `yaml:"clusterIP"`
		NotReady       bool                                       `yaml:"publishNotReadyAddresses"`
		Replicas       int                                        `yaml:"replicas"`
		MaxUnavailable int                                        `yaml:"maxUnavailable"`
		Selector       map[string]any                             `yaml:"selector"`
		Ports          []map[string]any                           `yaml:"ports"`
		Claims         []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
		Template       struct {
			Metadata struct{ Labels map[string]any }
			Spec     struct {
				Containers []struct {
					Env          []struct{ Name, Value string }
					Ports        []containerPort
					VolumeMounts []struct{ Name string } `yaml:"volumeMounts"`
				}
				Volumes []struct{ Name string }
			}
		}
	}
}

type containerPort struct {
	Name          string
	ContainerPort int `yaml:"containerPort"`
}

func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	text, err := os.ReadFile("../../../../scripts/package/kubernetes/treenode.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found, documents := map[string]manifest{}, yaml.NewDecoder(bytes.NewReader(text))
	for {
		var m manifest
		switch err := documents.Decode(&m); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatal(err)
		}
		found[m.Kind+"/"+m.Metadata.Name] = m
	}
}

// The manifests fit together, and what they set are options of serve.
func TestKubernetes(t *testing.T) {
	all := manifests(t)
	set, peers, budget := all["StatefulSet/treenode"], all["Service/treenode-peers"], all["PodDisruptionBudget/treenode"]
	if len(set.Spec.Template.Spec.Containers) != 1 {
		t.Fatal("no StatefulSet with a container")
	}
	pod, container := set.Spec.Template, set.Spec.Template.Spec.Containers[0]
	if set.Spec.ServiceName != peers.Metadata.Name || peers.Spec.ClusterIP != "None" || !peers.Spec.NotReady {
		t.Error("the pods have no names that others find before they are ready")
	}
	if n := set.Spec.Replicas; n < 3 || budget.Spec.MaxUnavailable != (n-1)/2 {
		t.Errorf("%d replicas, of which %d may be away", n, budget.Spec.MaxUnavailable)
	}
	for name, m := range all {
		selected := m.Spec.Selector
		if labels, nested := selected["matchLabels"].(map[string]any); nested {
			selected = labels
		}
		for key, value := range selected {
			if pod.Metadata.Labels[key] != value {
				t.Errorf("%s selects %s=%v, the pods have %v", name, key, value, pod.Metadata.Labels)
			}
		}
		for _, p := range m.Spec.Ports {
			if !slices.ContainsFunc(container.Ports, func(c containerPort) bool { return c.Name == p["targetPort"] && c.ContainerPort == p["port"] }) {
				t.Errorf("%s: the pods have no port %v", name, p)
			}
		}
	}
	var volumes []string
	for _, v := range pod.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, c := range set.Spec.Claims {
		volumes = append(volumes, c.Metadata.Name)
	}
	for _, m := range container.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			t.Errorf("no volume %s", m.Name)
		}
	}
	options, flags := 0, newServe().Flags()
	for _, e := range container.Env {
		option, ours := strings.CutPrefix(e.Name, envPrefix)
		if !ours {
			continue
		}
		options++
		f := flags.Lookup(strings.ReplaceAll(strings.ToLower(option), "_", "-"))
		if f == nil {
			t.Errorf("serve has no option for %s", e.Name)
		} else if e.Value != "" {
			if err := f.Value.Set(e.Value); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
	}
	if options < 12 {
		t.Errorf("%d options are set", options)
	}
}
