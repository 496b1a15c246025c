package wire

import "net/http"

// codes is the one table from code to kind and HTTP status.
var codes = map[Code]struct {
	kind   Kind
	status int
}{
	CodeInvalid:           {Rejected, http.StatusBadRequest},
	CodeMalformed:         {Rejected, http.StatusBadRequest},
	CodeTooLarge:          {Rejected, http.StatusRequestEntityTooLarge},
	CodeNotFound:          {Rejected, http.StatusNotFound},
	CodeMethodNotAllowed:  {Rejected, http.StatusMethodNotAllowed},
	CodeUnsupportedMedia:  {Rejected, http.StatusUnsupportedMediaType},
	CodeProviderNotFound:  {Rejected, http.StatusNotFound},
	CodeProviderExists:    {Rejected, http.StatusConflict},
	CodeDuplicateName:     {Rejected, http.StatusConflict},
	CodeProviderHasChild:  {Rejected, http.StatusConflict},
	CodeProviderInUse:     {Rejected, http.StatusConflict},
	CodeLoop:              {Rejected, http.StatusBadRequest},
	CodeOrphan:            {Rejected, http.StatusBadRequest},
	CodeClassNotFound:     {Rejected, http.StatusNotFound},
	CodeClassExists:       {Rejected, http.StatusConflict},
	CodeClassInUse:        {Rejected, http.StatusConflict},
	CodeTraitNotFound:     {Rejected, http.StatusNotFound},
	CodeTraitExists:       {Rejected, http.StatusConflict},
	CodeTraitInUse:        {Rejected, http.StatusConflict},
	CodeInventoryNotFound: {Rejected, http.StatusNotFound},
	CodeInventoryExists:   {Rejected, http.StatusConflict},
	CodeInventoryInUse:    {Rejected, http.StatusConflict},
	CodeCapacityExceeded:  {Rejected, http.StatusConflict},
	CodeAmountInvalid:     {Rejected, http.StatusConflict},
	CodeConsumerNotFound:  {Rejected, http.StatusNotFound},
	CodeConflict:          {Rejected, http.StatusConflict},
	CodeRequestIDReused:   {Rejected, http.StatusConflict},
	CodeRequestIDExpired:  {Rejected, http.StatusConflict},
	CodeRequestIDInFuture: {Rejected, http.StatusBadRequest},
	CodeMemberNotFound:    {Rejected, http.StatusNotFound},
	CodeMemberExists:      {Rejected, http.StatusConflict},
	CodeClusterMismatch:   {Rejected, http.StatusConflict},
	CodeLastVoter:         {Rejected, http.StatusConflict},
	CodeUnauthenticated:   {Rejected, http.StatusUnauthorized},
	CodeForbidden:         {Rejected, http.StatusForbidden},
	CodeNoLeader:          {NotApplied, http.StatusServiceUnavailable},
	CodeNotReady:          {NotApplied, http.StatusServiceUnavailable},
	CodeBusy:              {NotApplied, http.StatusServiceUnavailable},
	CodeDeadline:          {NotApplied, http.StatusServiceUnavailable},
	CodeStopping:          {NotApplied, http.StatusServiceUnavailable},
	CodeRateLimited:       {NotApplied, http.StatusTooManyRequests},
	CodeAuthUnavailable:   {NotApplied, http.StatusServiceUnavailable},
	CodeOutcomeUnknown:    {Unknown, http.StatusGatewayTimeout},
	CodeHalted:            {Internal, http.StatusInternalServerError},
	CodeInternal:          {Internal, http.StatusInternalServerError},
}

// Known reports whether the code is in the table.
func Known(c Code) bool { _, ok := codes[c]; return ok }

// KindOf returns the kind of a code; Internal for one it does not know.
func KindOf(c Code) Kind {
	if e, ok := codes[c]; ok {
		return e.kind
	}
	return Internal
}

// StatusOf returns the HTTP status of a code; 500 for one it does not know.
func StatusOf(c Code) int {
	if e, ok := codes[c]; ok {
		return e.status
	}
	return http.StatusInternalServerError
}

// Codes returns every code, in no particular order.
func Codes() []Code {
	all := make([]Code, 0, len(codes))
	for c := range codes {
		all = append(all, c)
	}
	return all
}
