package repo

// SendsTogether reports whether the statements of a batch go to the database together.
func (s *Store) SendsTogether() bool { return s.dialect.atOnce }
