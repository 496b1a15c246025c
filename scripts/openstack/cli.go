package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
)

// pluginGroup is the plugin's commands in the CLI's own list.
const pluginGroup = "openstack.placement.v1"

// cli runs the CLI. The first check that fails is in err, and ends the rest.
type cli struct {
	ctx      context.Context
	command  string
	endpoint string
	version  string
	watched  bool
	played   map[string]bool
	count    int
	err      error
}

// row is one row of a list, or the one of a single thing.
type row map[string]any

// plugin lists the commands of the plugin that is installed.
func (c *cli) plugin() ([]string, error) {
	if _, err := exec.LookPath(c.command); err != nil {
		return nil, fmt.Errorf("%w: %w", errMissing, err)
	}
	out, errs, err := c.exec("command", "list", "--group", pluginGroup, "-f", "json")
	if err != nil {
		return nil, fmt.Errorf("command list: %w\n%s", err, errs)
	}
	var groups []struct{ Commands []string }
	if err := json.Unmarshal(out, &groups); err != nil {
		return nil, fmt.Errorf("command list: %w", err)
	}
	if len(groups) != 1 || len(groups[0].Commands) == 0 {
		return nil, fmt.Errorf("%w: the openstack CLI has no placement plugin", errMissing)
	}
	return groups[0].Commands, nil
}

func (c *cli) notPlayed(plugin []string) []string {
	return slices.DeleteFunc(slices.Clone(plugin), func(name string) bool { return c.played[name] })
}

// exec runs the CLI to its end, away from the user's own clouds.
func (c *cli) exec(args ...string) (stdout, stderr []byte, err error) {
	cmd := exec.CommandContext(c.ctx, c.command, args...) //nolint:gosec // the CLI under test
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OS_") })
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}

// play runs one command. Its name is the words before the first argument.
func (c *cli) play(name string, args ...string) (stdout, stderr string, failed bool) {
	if c.err != nil {
		return "", "", false
	}
	c.count++
	c.played[name] = true
	if c.watched {
		fmt.Fprintf(os.Stderr, "\r\033[K%d %s", c.count, name)
		defer fmt.Fprint(os.Stderr, "\r\033[K")
	}
	all := slices.Concat([]string{
		"--os-auth-type", "admin_token", "--os-token", "admin", "--os-endpoint", c.endpoint,
		"--os-placement-api-version", c.version,
	}, strings.Fields(name), args)
	out, errs, err := c.exec(all...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || c.ctx.Err() != nil {
		c.fail("%s: %v", name, err)
		return "", "", false
	}
	return string(out), string(errs), err != nil
}

func (c *cli) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("command %d of this run: %w", c.count, fmt.Errorf(format, args...))
	}
}

// do runs a command that prints nothing.
func (c *cli) do(name string, args ...string) {
	out, errs, failed := c.play(name, args...)
	if failed || out != "" {
		c.fail("%s %s: output %q, errors %q", name, strings.Join(args, " "), out, errs)
	}
}

// refuse runs a command that must fail with all these words.
func (c *cli) refuse(words []string, name string, args ...string) {
	out, errs, failed := c.play(name, args...)
	if c.err != nil {
		return
	}
	if !failed || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(errs, w) }) {
		c.fail("%s %s: output %q, errors %q; it should fail with %q", name, strings.Join(args, " "), out, errs, words)
	}
}

// list runs a command that prints rows.
func (c *cli) list(name string, args ...string) []row {
	var rows []row
	c.decode(&rows, name, args)
	return rows
}

// show runs a command that prints one thing.
func (c *cli) show(name string, args ...string) row {
	var one row
	c.decode(&one, name, args)
	return one
}

func (c *cli) decode(into any, name string, args []string) {
	out, errs, failed := c.play(name, append(args, "-f", "json")...)
	if c.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(out), into); failed || err != nil {
		c.fail("%s %s: %v, output %q, errors %q", name, strings.Join(args, " "), err, out, errs)
	}
}

// same compares some columns of the rows, in any order, with what they should
// be. Numbers are compared as they print.
func (c *cli) same(what string, rows []row, columns []string, want ...[]any) {
	if c.err != nil {
		return
	}
	var got []string
	for _, r := range rows {
		values := make([]any, len(columns))
		for i, column := range columns {
			values[i] = r[column]
		}
		got = append(got, fmt.Sprintf("%v", values))
	}
	var wanted []string
	for _, w := range want {
		wanted = append(wanted, fmt.Sprintf("%v", w))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !reflect.DeepEqual(got, wanted) {
		c.fail("%s: %v are\n  %s\nnot\n  %s", what, columns, strings.Join(got, "\n  "), strings.Join(wanted, "\n  "))
	}
}
