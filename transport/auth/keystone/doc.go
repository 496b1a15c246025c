// Package keystone proves identities by tokens of OpenStack's Keystone (v3), with
// the meaning of its own middleware, keystonemiddleware.
//
// Guarantees:
//
//   - A request is somebody's only while Keystone has said so of its token, at
//     most Config.TokenCacheTime ago, and the token has not expired. What headers
//     say of users and roles is never looked at.
//   - An expired token counts only beside a service token (X-Service-Token) that
//     has one of Config.ServiceTokenRoles. A service token that is not valid makes
//     the request nobody's.
//   - A token of an application credential with access rules is good for requests
//     that one of them allows: service type, method and path.
//   - When Keystone can't be asked, tokens that are known go on until they expire or
//     their time in the cache ends; unknown ones are answered 503, not 401.
//   - Tokens are kept as digests under a key of this process. Requests about one
//     token are made once at a time; all together are bounded, and so is what
//     waits for them. Credentials go to Config.AuthURL only: redirects are not
//     followed.
//
// Known limits: a token that was revoked goes on for Config.TokenCacheTime at
// most, as with the middleware. The cache is this process's: memcached is not
// supported. Token binding and audit ids are not looked at. The token's catalog is
// not asked for, so that an access rule counts without the service being in it.
// There is no discovery: Config.AuthURL leads to /v3. Unlike the middleware's, a
// service token lifts access rules only with one of the service roles.
package keystone
