package wire

import "testing"

func TestCloseCodes_AskToReconnectBelow4500(t *testing.T) {
	t.Parallel()
	last, names := CloseCode(0), make(map[string]bool)
	for _, info := range CloseCodes() {
		if info.Code <= last || names[info.Name] || info.Name == "" {
			t.Errorf("%d %q is out of order or named twice", info.Code, info.Name)
		}
		last, names[info.Name] = info.Code, true
		if info.Code.String() != info.Name {
			t.Errorf("%d is called %q, want %q", info.Code, info.Code, info.Name)
		}
		if got, want := info.Code.Reconnect(), info.Code < 4500; got != want {
			t.Errorf("%d %s: reconnect %v, want %v", info.Code, info.Name, got, want)
		}
	}
	if CloseCode(1006).String() != "" || !CloseCode(1006).Reconnect() {
		t.Error("a code of the network must ask to reconnect and has no name")
	}
}
