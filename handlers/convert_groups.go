package handlers

import (
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

func fromAPIGroup(b *api.CreateGroupRequest) domain.Group {
	set := orZero(b.Settings)
	return domain.Group{
		ID: domain.GroupID(orZero(b.GroupId)), Type: domain.GroupType(orZero(b.Type)), Name: orZero(b.Name),
		Introduction: orZero(b.Introduction), AvatarURL: orZero(b.AvatarUrl), Extra: fromAPIObject(b.Extra),
		Owner: domain.UserID(orZero(b.Owner)),
		Settings: domain.GroupSettings{
			Join: domain.JoinPolicy(orZero(set.Join)), InviteBy: domain.InvitePolicy(orZero(set.InviteBy)), MuteAll: orZero(set.MuteAll),
			MentionAllBy: domain.MentionPolicy(orZero(set.MentionAllBy)),
			History:      domain.HistoryRule(orZero(set.History)), LiveAudience: orZero(set.LiveAudience),
		},
	}
}

func fromAPIGroupPatch(b *api.UpdateGroupRequest) domain.GroupPatch {
	set := orZero(b.Settings)
	return domain.GroupPatch{
		Type: (*domain.GroupType)(b.Type), Name: b.Name, Introduction: b.Introduction, AvatarURL: b.AvatarUrl, Extra: fromAPIObject(b.Extra),
		Join: (*domain.JoinPolicy)(set.Join), InviteBy: (*domain.InvitePolicy)(set.InviteBy), MuteAll: set.MuteAll,
		MentionAllBy: (*domain.MentionPolicy)(set.MentionAllBy),
		History:      (*domain.HistoryRule)(set.History), LiveAudience: set.LiveAudience,
	}
}

func toAPIGroup(g domain.Group) api.Group {
	return api.Group{
		GroupId: string(g.ID), Type: api.GroupType(g.Type), Name: g.Name, Introduction: g.Introduction, AvatarUrl: g.AvatarURL,
		Extra: g.Extra, Owner: string(g.Owner), MemberCount: g.MemberCount, MyRole: orNil(api.Role(g.MyRole)),
		Settings: api.GroupSettings{
			Join: (*api.GroupSettingsJoin)(&g.Settings.Join), InviteBy: (*api.GroupSettingsInviteBy)(&g.Settings.InviteBy),
			MentionAllBy: (*api.GroupSettingsMentionAllBy)(&g.Settings.MentionAllBy),
			MuteAll:      &g.Settings.MuteAll, History: (*api.GroupSettingsHistory)(&g.Settings.History), LiveAudience: &g.Settings.LiveAudience,
		},
		CreatedAt: toAPITime(g.CreatedAt), UpdatedAt: toAPITime(g.UpdatedAt), DismissedAt: toAPITimeOrNil(g.DismissedAt),
	}
}

func toAPIMember(m domain.Member) api.Member {
	return api.Member{
		UserId: string(m.User), Role: api.Role(m.Role), Label: m.Label, Extra: m.Extra,
		JoinedAt: toAPITime(m.JoinedAt), ReadSeq: m.ReadSeq, MuteUntil: toAPITimeOrNil(m.MutedUntil),
	}
}

func fromAPIMemberPatch(b *api.UpdateMemberRequest) domain.MemberPatch {
	return domain.MemberPatch{
		Role: (*domain.Role)(b.Role), Label: b.Label, Extra: fromAPIObject(b.Extra), MutedUntil: fromAPITimeOrNil(b.MuteUntil),
	}
}

func toAPIJoinRequest(r domain.JoinRequest) api.JoinRequest {
	return api.JoinRequest{UserId: string(r.User), Message: r.Message, CreatedAt: toAPITime(r.CreatedAt)}
}
