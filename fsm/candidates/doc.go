// Package candidates finds the ways to meet a request for resources: the
// allocation candidates of one state. It is a pure function of a *tree.State
// and a Request, and no part of applying commands.
//
// # What a candidate is
//
// A candidate lies in one tree, together with sharing providers that are in an
// aggregate with any provider of that tree. The group without suffix is spread
// over these, one provider a class; a group with a suffix is met by exactly
// one. Candidates that differ only in which group is met where are counted
// apart. What consists of sharing providers only is found from several trees
// and counts once. testdata has the rules as scripts.
//
// Without Request.Nested a candidate has no two providers of one tree. Such a
// provider need not be a root: this is what the Placement service does below
// microversion 1.29.
//
// # Guarantees
//
//   - Lazy: a candidate is worked out when Next is called, and trees are
//     entered one by one. A limit ends the work, whatever is left.
//   - Deterministic: equal states and requests give equal candidates in equal
//     order, on every machine.
//   - No dead ends within a tree once its conditions are split: every decision
//     is made only if there is an answer that has it. A request without an
//     answer is refuted by bounds and by one matching for each tree, not by
//     trying. TestSteps counts the steps of such requests.
//   - Trees are chosen by the shortest index that every tree with an answer
//     must be found in: a class, a required trait, an aggregate, in_tree, a
//     trait of the root.
//   - Every condition has a stage that tells an Observer what it turned away.
//
// # How it works
//
// A slot is what one provider has to meet: a group with a suffix, or one class
// of the group without (plan.go). Entering a tree gives each slot its domain
// (site.go). Conditions on several slots at once are split into cases that
// exclude each other and speak of domains only (split.go). What is left, that
// amounts fit and groups are apart, is solved in one of three ways:
//
//   - nothing is scarce: each slot goes where it likes;
//   - at each place only the number of slots matters (bins.go): a matching is
//     held all the time, and a decision that it does not have asks for one
//     augmenting path (matching.go);
//   - amounts of one class differ, or classes overlap (packing.go): what is
//     left is remembered by the rooms left, like places counted as one, after
//     bounds by class and by isolation.
//
// # Random choice
//
// With Options.Random and MaxGenerated, so many candidates are generated from
// trees in random order and Limit of them are drawn. Without MaxGenerated a
// draw among all would cost all of them, which may be more than anyone can
// wait for; trees in random order, with their places mixed, take turns
// instead. Mixing needs the list of all trees that may have an answer.
//
// # Known limits
//
// Packing is as hard as it is known to be: many amounts that all differ, in
// rooms that all differ, may take steps without number. Several sets of
// same_subtree that each are possible, but not together, and for reasons that
// no single class tells, are found out by trying tops; cases that differ only
// in which of like sets is where are tried once. Options.MaxSteps bounds both.
//
// Trees found from sharing providers alone are entered even where all they
// reach was found before.
//
// # Where this differs from the Placement service
//
// Seen in comparing answers to random requests:
//
//   - The service sometimes answers with amounts that sum up to more than was
//     asked for, where a group without suffix and one with a suffix meet on
//     shared classes, and then leaves out candidates that are right; here
//     amounts are those of the request, and all are found.
//   - Where a tree is nested, and one sharing provider meets the whole group
//     without suffix among several groups, the service does not find it from
//     other trees; here it does.
//   - A group without resources that has only in_tree, forbidden traits or
//     forbidden aggregates finds nothing there, and its in_tree is ignored
//     beside a required trait; here each condition holds by itself.
//   - Some requests with root_required or member_of and nested sharing
//     providers fail there with an internal error; here they have an answer.
package candidates
