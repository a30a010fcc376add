package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// ListErrors handles GET /v1/errors.
func (s *server) ListErrors(context.Context, api.ListErrorsRequestObject) (api.ListErrorsResponseObject, error) {
	return api.ListErrors200JSONResponse{Items: convertAll(domain.Catalogue(), toAPIErrorInfo)}, nil
}

func toAPIErrorInfo(info domain.CodeInfo) api.ErrorInfo {
	return api.ErrorInfo{
		Code: string(info.Code), Status: statusOf[info.Code], Title: info.Title, Advice: info.Advice, Retryable: info.Retryable,
	}
}
