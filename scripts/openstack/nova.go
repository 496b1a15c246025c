package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/treenode/treenode/cmd/treenode/local"
)

//go:embed nova_report.py
var novaReport string

// novaMissing is the exit code of nova_report.py where Nova is not installed.
const novaMissing = 3

// playNova runs nova_report.py, which is made to go on while its leader dies.
func playNova(ctx context.Context, c commands, nodes *local.Cluster) (string, error) {
	victim, survivor, err := roles(ctx, nodes)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, c.python, "-c", novaReport, "http://"+survivor.API+"/placement") //nolint:gosec // the client under test
	var errs bytes.Buffer
	cmd.Stderr = &errs
	input, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%w: %w", errMissing, err)
	}
	said, readErr := bufio.NewReader(output).ReadString('\n')
	killed := make(chan error, 1)
	if said == "half way\n" {
		go func() { killed <- victim.Kill() }() // beside the next request
		_, readErr = io.WriteString(input, "go on\n")
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == novaMissing:
		return "", fmt.Errorf("%w: %s", errMissing, strings.TrimSpace(errs.String()))
	case err != nil:
		return "", fmt.Errorf("%w\n%s", err, errs.String())
	case readErr != nil || said != "half way\n":
		return "", fmt.Errorf("it said %q and no more: %w", said, readErr)
	}
	if err := <-killed; err != nil {
		return "", err
	}
	if err := victim.Start(); err != nil {
		return "", err
	}
	if _, err := leader(ctx, nodes); err != nil {
		return "", err
	}
	return "the report client's calls", nil
}
