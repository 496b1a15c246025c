// Package openapi holds the description of the native API in OpenAPI 3.1,
// written by hand in openapi.json.
//
// Tests of package transport/api keep it true: every route, query parameter,
// schema property and error code is compared with the code, both ways, and
// every example is read by the code that reads requests.
//
// # Known limits
//
// What a schema cannot say stays in the descriptions: which texts are UUIDs or
// names, and that a created provider's UUID follows from the request id.
package openapi
