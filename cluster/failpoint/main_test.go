package failpoint_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster/failpoint"
)

// passes has the test be a program instead that passes by two points so many
// times, and says how often it did.
const passes = "FAILPOINT_TEST_PASSES"

func TestMain(m *testing.M) {
	times, err := strconv.Atoi(os.Getenv(passes))
	if err != nil {
		os.Exit(m.Run())
	}
	for n := range times {
		failpoint.Reach(failpoint.ApplyAfter)
		failpoint.Reach(failpoint.ApplyBefore)
		fmt.Println(n + 1)
		time.Sleep(time.Millisecond)
	}
}
