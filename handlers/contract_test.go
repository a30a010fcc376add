package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	gim "github.com/gim-im/gim"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/contracttest"
)

func loadSpec(tb testing.TB) *openapi3.T {
	tb.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(gim.OpenAPI)
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

func TestRoutesAreTheContractAndNothingElse(t *testing.T) {
	t.Parallel()
	o := newFake().options()
	o.WebSocket, o.EventStream = http.NotFoundHandler(), http.NotFoundHandler()
	s, err := newServer(o)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := s.routes()
	if err != nil {
		t.Fatal(err)
	}
	missing := make(map[string]bool)
	for path, item := range loadSpec(t).Paths.Map() {
		for method := range item.Operations() {
			missing[method+" "+path] = true
		}
	}
	err = chi.Walk(routes, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodHead || strings.HasPrefix(path, "/docs/") {
			return nil // what the page loads
		}
		if !missing[method+" "+path] {
			t.Errorf("%s %s is not in openapi.yaml", method, path)
		}
		delete(missing, method+" "+path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for call := range missing {
		t.Errorf("%s is in openapi.yaml and has no route", call)
	}
}

// calls has one good request for every operation, by operationId. The
// authorization table is made from it: a new operation must be added here.
var calls = map[string]request{
	"sendMessage":           {"POST", "/v1/messages", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}}`, nil},
	"traceMessage":          {"GET", "/v1/messages/" + string(traced) + "/trace", "", nil},
	"sync":                  {"GET", "/v1/sync?after=3&limit=200", "", nil},
	"getSyncDigest":         {"GET", "/v1/sync/digest?upto=3", "", nil},
	"getConversationDigest": {"GET", "/v1/conversations/user:bob/digest?upto=3", "", nil},
	"listMessages":          {"GET", "/v1/conversations/user:bob/messages?before=9", "", nil},
	"getMessage":            {"GET", "/v1/messages/" + storedID, "", nil},
	"editMessage":           {"PATCH", "/v1/messages/" + storedID, `{"content":{"text":"hello"}}`, nil},
	"deleteMessage":         {"DELETE", "/v1/messages/" + storedID, "", nil},
	"listMessageReads":      {"GET", "/v1/messages/" + storedID + "/reads?read=true", "", nil},
	"listMessageEdits":      {"GET", "/v1/messages/" + storedID + "/edits", "", nil},
	"searchMessages":        {"GET", "/v1/messages/search?q=hi&conversation_id=user:bob&type=text&from=2026-01-01T00:00:00Z", "", nil},
	"recallMessage":         {"POST", "/v1/messages/" + storedID + "/recall", "", nil},
	"forwardMessage":        {"POST", "/v1/messages/" + storedID + "/forward", `{"to":{"user_id":"bob"}}`, nil},
	"listReactions":         {"GET", "/v1/messages/" + storedID + "/reactions?reaction=%F0%9F%91%8D", "", nil},
	"addReaction":           {"PUT", "/v1/messages/" + storedID + "/reactions/%F0%9F%91%8D", "", nil},
	"removeReaction":        {"DELETE", "/v1/messages/" + storedID + "/reactions/%F0%9F%98%80", "", nil},
	"listConversations":     {"GET", "/v1/conversations", "", nil},
	"getConversation":       {"GET", "/v1/conversations/user:bob", "", nil},
	"updateConversation":    {"PATCH", "/v1/conversations/user:bob", `{"pinned":true}`, nil},
	"deleteConversation":    {"DELETE", "/v1/conversations/user:bob", "", nil},
	"readConversation":      {"PUT", "/v1/conversations/user:bob/read", `{"conversation_seq":7}`, nil},
	"listUsers":             {"GET", "/v1/users", "", nil},
	"putUsers":              {"POST", "/v1/users/batch", `{"users":[{"user_id":"carol"}]}`, nil},
	"putUser":               {"PUT", "/v1/users/alice", `{"nickname":"Alice"}`, nil},
	"getUser":               {"GET", "/v1/users/alice", "", nil},
	"updateUser":            {"PATCH", "/v1/users/alice", `{}`, nil},
	"deleteUser":            {"DELETE", "/v1/users/alice", "", nil},
	"createToken":           {"POST", "/v1/users/alice/tokens", `{"device":{"type":"web"}}`, nil},
	"revokeTokens":          {"DELETE", "/v1/users/alice/tokens", "", nil},
	"revokeToken":           {"DELETE", "/v1/users/alice/tokens/jti1", "", nil},
	"putSigningKey":         {"PUT", "/v1/signing-keys/k1", `{"alg":"EdDSA","jwk":{"kty":"OKP"}}`, nil},
	"getSigningKey":         {"GET", "/v1/signing-keys/k1", "", nil},
	"deleteSigningKey":      {"DELETE", "/v1/signing-keys/k1", "", nil},
	"queryPresence":         {"POST", "/v1/presence/query", `{"user_ids":["bob","ghost"]}`, nil},
	"registerDevice":        {"POST", "/v1/devices", `{"type":"ios"}`, nil},
	"listDevices":           {"GET", "/v1/devices", "", nil},
	"getDevice":             {"GET", "/v1/devices/phone", "", nil},
	"deleteDevice":          {"DELETE", "/v1/devices/phone", "", nil},
	"ackDevice":             {"PUT", "/v1/devices/phone/ack", `{"seq":41}`, nil},
	"listBlocks":            {"GET", "/v1/blocks", "", nil},
	"putBlock":              {"PUT", "/v1/blocks/bob", "", nil},
	"getBlock":              {"GET", "/v1/blocks/bob", "", nil},
	"deleteBlock":           {"DELETE", "/v1/blocks/bob", "", nil},
	"listContacts":          {"GET", "/v1/contacts?status=incoming", "", nil},
	"putContact":            {"PUT", "/v1/contacts/bob", `{}`, nil},
	"getContact":            {"GET", "/v1/contacts/bob", "", nil},
	"updateContact":         {"PATCH", "/v1/contacts/bob", `{"remark":"B"}`, nil},
	"deleteContact":         {"DELETE", "/v1/contacts/bob", "", nil},
	"createGroup":           {"POST", "/v1/groups", `{"members":["bob"]}`, nil},
	"getGroup":              {"GET", "/v1/groups/team", "", nil},
	"listMembers":           {"GET", "/v1/groups/team/members", "", nil},
	"getOccupancy":          {"GET", "/v1/groups/stage/occupancy", "", nil},
	"addMembers":            {"POST", "/v1/groups/team/members", `{"user_ids":["bob"]}`, nil},
	"removeMember":          {"DELETE", "/v1/groups/team/members/bob", "", nil},
	"listGroups":            {"GET", "/v1/groups", "", nil},
	"updateGroup":           {"PATCH", "/v1/groups/team", `{"settings":{"mute_all":true}}`, nil},
	"dismissGroup":          {"DELETE", "/v1/groups/team", "", nil},
	"getMember":             {"GET", "/v1/groups/team/members/bob", "", nil},
	"putMember":             {"PUT", "/v1/groups/team/members/bob", "", nil},
	"updateMember":          {"PATCH", "/v1/groups/team/members/bob", `{"label":"B","mute_until":"2026-02-01T00:00:00Z"}`, nil},
	"listJoinRequests":      {"GET", "/v1/groups/team/join-requests", "", nil},
	"getJoinRequest":        {"GET", "/v1/groups/team/join-requests/bob", "", nil},
	"putJoinRequest":        {"PUT", "/v1/groups/club/join-requests/me", `{}`, nil},
	"deleteJoinRequest":     {"DELETE", "/v1/groups/team/join-requests/bob", "", nil},
	"createApp":             {"POST", "/v1/apps", `{"app_id":"demo"}`, nil},
	"listApps":              {"GET", "/v1/apps", "", nil},
	"getApp":                {"GET", "/v1/apps/demo", "", nil},
	"updateApp":             {"PATCH", "/v1/apps/demo", `{"settings":{"max_group_members":2}}`, nil},
	"deleteApp":             {"DELETE", "/v1/apps/demo", "", nil},
	"createAppKey":          {"POST", "/v1/apps/demo/keys", `{}`, nil},
	"listAppKeys":           {"GET", "/v1/apps/demo/keys", "", nil},
	"revokeAppKey":          {"DELETE", "/v1/apps/demo/keys/k1", "", nil},
	"connectStream":         {"GET", "/v1/stream?after=3&groups=news:7", "", nil},
	"connectWebSocket":      {"GET", "/v1/ws", "", nil},
	"listErrors":            {"GET", "/v1/errors", "", nil},
	"getOpenAPI":            {"GET", "/openapi.yaml", "", nil},
	"getDocs":               {"GET", "/docs", "", nil},
}

// needsUser are the operations that the business must do in a user's name.
var needsUser = []string{
	"sync", "getSyncDigest", "registerDevice", "listDevices", "getDevice", "deleteDevice", "ackDevice", "listBlocks", "putBlock", "getBlock", "deleteBlock",
	"listContacts", "putContact", "getContact", "updateContact", "deleteContact", "putJoinRequest",
	"searchMessages", "listConversations", "getConversation", "updateConversation", "deleteConversation", "readConversation",
	"addReaction", "removeReaction", "deleteMessage",
}

// callers are all kinds of credentials; may says which scheme each one is.
var callers = []struct {
	name, scheme string
	header       []string
}{
	{"nobody", "", nil},
	{"admin", "adminKey", []string{asAdmin}},
	{"app key", "appKey", []string{asApp}},
	{"app key for alice", "appKey", []string{asApp, "Gim-User: alice"}},
	{"alice", "userToken", []string{asAlice}},
}

func TestAuthorization_IsWhatTheContractSays(t *testing.T) {
	t.Parallel()
	checker, err := contracttest.New()
	if err != nil {
		t.Fatal(err)
	}
	o := newFake().options()
	o.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(101) })
	o.EventStream = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", mediaEventStream) })
	h := newAPI(t, o)
	for path, item := range loadSpec(t).Paths.Map() {
		for method, op := range item.Operations() {
			call, known := calls[op.OperationID]
			if !known || call.method != method {
				t.Errorf("%s %s (%s) is not in the table of calls", method, path, op.OperationID)
				continue
			}
			for _, caller := range callers {
				t.Run(fmt.Sprintf("%s by %s", op.OperationID, caller.name), func(t *testing.T) {
					t.Parallel()
					call := call
					call.header = caller.header
					w := call.do(h)
					want := wantStatus(op, caller.scheme, caller.name == "app key")
					if w.Code != want && (want != 200 || w.Code >= 300) {
						t.Errorf("status %d, want %d: %s", w.Code, want, w.Body)
					}
					r, _ := http.NewRequestWithContext(t.Context(), call.method, "http://x"+call.path, nil)
					if err := checker.Check(r, w.Result(), w.Body.Bytes()); err != nil { //nolint:bodyclose // a recorder's
						t.Error(err)
					}
				})
			}
		}
	}
}

// wantStatus is 200 for any success.
func wantStatus(op *openapi3.Operation, scheme string, forItself bool) int {
	if len(*op.Security) == 0 {
		return 200
	}
	if scheme == "" {
		return 401
	}
	for _, alternative := range *op.Security {
		if _, ok := alternative[scheme]; ok && !(forItself && slices.Contains(needsUser, op.OperationID)) {
			return 200
		}
	}
	return 403
}

func TestLimitsOfTheContractAreThoseOfTheDomain(t *testing.T) {
	t.Parallel()
	doc := loadSpec(t)
	schema := func(name string) *openapi3.Schema { return doc.Components.Schemas[name].Value }
	field := func(name, field string) *openapi3.Schema { return schema(name).Properties[field].Value }
	parameter := func(name string) *openapi3.Schema { return doc.Components.Parameters[name].Value.Schema.Value }
	length := func(s *openapi3.Schema) int { return int(*s.MaxLength) }
	items := func(s *openapi3.Schema) int { return int(*s.MaxItems) }

	if got := schema("ID").Pattern; got != idPattern {
		t.Errorf("the pattern of ids is %s, and %s in the code", got, idPattern)
	}
	for name, limit := range map[string][2]int{
		"ID":                      {length(schema("ID")), domain.MaxIDLength},
		"client_msg_id":           {length(field("SendMessageRequest", "client_msg_id")), domain.MaxClientMsgID},
		"mentions":                {items(field("SendMessageRequest", "mentions")), domain.MaxMentions},
		"limit":                   {int(*parameter("Limit").Max), domain.MaxPageSize},
		"default limit":           {int(parameter("Limit").Default.(float64)), domain.DefaultPageSize},
		"wait":                    {int(*parameter("SyncWait").Max), int(domain.MaxSyncWait / time.Second)},
		"query":                   {length(doc.Paths.Find("/v1/messages/search").Get.Parameters.GetByInAndName("query", "q").Schema.Value), domain.MaxQuery},
		"users":                   {items(field("PutUsersRequest", "users")), domain.MaxUserBatch},
		"user_ids":                {items(field("AddMembersRequest", "user_ids")), domain.MaxMemberBatch},
		"members":                 {items(field("CreateGroupRequest", "members")), domain.MaxMaxGroupMembers},
		"presence users":          {items(field("QueryPresenceRequest", "user_ids")), domain.MaxPresenceUsers},
		"presence devices":        {items(field("UserPresence", "devices")), domain.MaxPresenceDevices},
		"max_group_members":       {int(*field("AppSettings", "max_group_members").Max), domain.MaxMaxGroupMembers},
		"max_large_group_members": {int(*field("AppSettings", "max_large_group_members").Max), domain.MaxMaxLargeGroupMembers},
		"default large group":     {int(field("AppSettings", "max_large_group_members").Default.(float64)), domain.MaxLargeGroupMembers},
		"default group":           {int(field("AppSettings", "max_group_members").Default.(float64)), domain.MaxGroupMembers},
		"max_devices":             {int(*field("AppSettings", "max_devices_per_user").Max), domain.MaxMaxDevices},
		"max_online":              {int(*field("AppSettings", "max_online_per_type").Max), domain.MaxMaxDevices},
		"recall window":           {int(*field("AppSettings", "recall_window_seconds").Max), domain.MaxEditWindow},
		"edit window":             {int(*field("AppSettings", "edit_window_seconds").Max), domain.MaxEditWindow},
		"allowed reactions":       {items(field("AppSettings", "reactions")), domain.MaxAllowedReactions},
		"default recall window":   {int(field("AppSettings", "recall_window_seconds").Default.(float64)), domain.DefaultRecallWindow},
		"default edit window":     {int(field("AppSettings", "edit_window_seconds").Default.(float64)), domain.DefaultEditWindow},
		"default devices":         {int(field("AppSettings", "max_devices_per_user").Default.(float64)), domain.MaxDevicesPerUser},
		"ttl_seconds":             {int(*field("CreateTokenRequest", "ttl_seconds").Max), int(domain.MaxTokenTTL / time.Second)},
		"default ttl":             {int(field("CreateTokenRequest", "ttl_seconds").Default.(float64)), int(domain.DefaultTokenTTL / time.Second)},
		"nickname":                {length(field("UserProfile", "nickname")), domain.MaxName},
		"avatar_url":              {length(field("UserProfile", "avatar_url")), domain.MaxText},
		"group name":              {length(field("CreateGroupRequest", "name")), domain.MaxName},
		"new group name":          {length(field("UpdateGroupRequest", "name")), domain.MaxName},
		"label":                   {length(field("UpdateMemberRequest", "label")), domain.MaxText},
		"join message":            {length(field("PutJoinRequestRequest", "message")), domain.MaxText},
		"contact message":         {length(field("PutContactRequest", "message")), domain.MaxText},
		"contact remark":          {length(field("PutContactRequest", "remark")), domain.MaxName},
		"new contact remark":      {length(field("UpdateContactRequest", "remark")), domain.MaxName},
		"introduction":            {length(field("CreateGroupRequest", "introduction")), domain.MaxText},
		"app name":                {length(field("CreateAppRequest", "name")), domain.MaxName},
		"brand":                   {length(field("RegisterDeviceRequest", "brand")), domain.MaxName},
		"push_token":              {length(field("RegisterDeviceRequest", "push_token")), domain.MaxText},
		"conversation_id":         {length(parameter("ConversationID")), len("group:") + domain.MaxIDLength},
		"device types":            {len(schema("DeviceType").Enum), len(domain.DeviceTypes)},
	} {
		if limit[0] != limit[1] {
			t.Errorf("%s is %d in openapi.yaml and %d in domain", name, limit[0], limit[1])
		}
	}
	for _, figure := range []string{
		fmt.Sprintf("A body may have %d KiB, a message's content %d KiB.", domain.MaxBodyBytes>>10, domain.MaxContentBytes>>10),
		fmt.Sprintf("up to %d KiB.", domain.MaxExtraBytes>>10),
		fmt.Sprintf("A user may have %d,000 contacts and requests together.", domain.MaxContacts/1000),
		fmt.Sprintf("up to %d seconds; then it is 503", int(domain.MaxVisibleWait/time.Second)),
		fmt.Sprintf("One emoji of up to %d bytes;", domain.MaxReactionBytes),
		fmt.Sprintf("A user may have %d different ones on a message, a message %d.", domain.MaxReactionsOfUser, domain.MaxReactions),
		fmt.Sprintf("A user may block %d,000 others.", domain.MaxBlocks/1000),
	} {
		if !strings.Contains(strings.Join(strings.Fields(string(gim.OpenAPI)), " "), figure) {
			t.Errorf("openapi.yaml does not say %q", figure)
		}
	}
}
